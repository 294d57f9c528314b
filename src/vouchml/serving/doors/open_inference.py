"""The Open Inference Protocol v2: `POST /v2/models/{name}[/versions/{version}]/infer`, in JSON and in binary.

Two ways to name the features: one tensor `features` of shape [rows, features] in the order of the model's metadata,
or one tensor a feature, of shape [rows] or [rows, 1]. Where an answer comes from stands in `parameters`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import (
    BodyMalformed,
    BodyTypeUnsupported,
    ContractBreach,
    ServiceFailed,
    VersionNotFound,
    VouchError,
)
from vouchml.model import Contract
from vouchml.model.request import breach, is_request_id
from vouchml.model.strict_json import listed, parse_json
from vouchml.serving.data_plane import DataPlane, ScoredRows
from vouchml.serving.doors.base import Call, Records, check_json_type, is_plain
from vouchml.serving.doors.predict import REQUEST_ID
from vouchml.serving.doors.tensors import from_binary, from_json, read_shape, tensor_breach, to_binary
from vouchml.serving.reply import JSON, Reply
from vouchml.settings import ServingSettings

MATRIX: Final = "features"
HEADER_LENGTH: Final = b"inference-header-content-length"
BINARY: Final = (b"content-type", b"application/octet-stream")
_TOP: Final = ("id", "parameters", "inputs", "outputs")
_OF_INPUT: Final = ("name", "shape", "datatype", "parameters", "data")


class OpenInferenceDoor:
    """Tensors in, tensors out. `version` is the one in the address; None takes the one that serves."""

    name = "open_inference"

    def __init__(
        self,
        plane: DataPlane,
        records: Records,
        settings: ServingSettings,
        *,
        version: str | None = None,
    ) -> None:
        self.longest_body = settings.max_batch_bytes
        self._max_rows = settings.max_batch_rows
        self._plane = plane
        self._metrics = records.metrics
        self._log = records.log
        self._new_id = records.new_id
        self._version = version

    def check_headers(self, headers: Mapping[bytes, bytes]) -> None:
        """JSON, or JSON with binary tensors behind it."""
        if HEADER_LENGTH not in headers:
            check_json_type(headers)
        elif not is_plain(headers):
            raise BodyTypeUnsupported("The body must not be compressed.", remedy="Send it as it is.")

    async def answer(self, call: Call) -> Reply:
        """Answer an inference request.

        Raises:
            VersionNotFound: the address names a version that does not serve.
        """
        lineup = self._plane.lineup()
        if self._version not in (None, lineup.champion.version):
            raise VersionNotFound(
                "That version does not serve.", remedy=f"The version that serves is {lineup.champion.version}."
            )
        request = _decode(call, lineup.champion.contract, self._max_rows)
        if request.id is not None:
            call.request_id = request.id
        scored = await self._plane.score_rows(lineup, call.request_id, request.rows, place="rows")
        prediction_id = self._new_id()
        self._metrics.rows(self.name, len(request.rows))
        self._log.batch(
            request_id=call.request_id,
            batch_id=prediction_id,
            rows=len(request.rows),
            served=scored.served,
            caller=call.caller,
        )
        shadow = lineup.shadow.version if lineup.shadow else None
        return _encode(request, scored, call.request_id, prediction_id, shadow)

    def refuse(self, error: VouchError, call: Call) -> Reply:
        """`{"error": …}`, with what is wrong in words."""
        return open_inference_error(error, headers=((REQUEST_ID, call.request_id.encode()),))


def open_inference_error(error: VouchError, *, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Reply:
    """An error in the words of the protocol."""
    if error.http_status == HTTPStatus.INTERNAL_SERVER_ERROR:
        error = ServiceFailed()
    text = " ".join(error.diagnostics().splitlines())
    if isinstance(error, ContractBreach):
        wrong = [f"missing: {name}" for name in error.missing] + [f"extra: {name}" for name in error.extra]
        text = "; ".join([text, *wrong, *(f"{entry.feature}: {entry.problem}" for entry in error.invalid)])
    return Reply(error.http_status, _json({"error": text}), (JSON, *headers))


@dataclass(frozen=True, eq=False)
class _Request:
    id: str | None
    rows: NDArray[np.float64]
    outputs: Mapping[str, bool]
    """The names of the outputs that are wanted, and whether each is to be binary."""


def _decode(call: Call, contract: Contract, max_rows: int) -> _Request:
    text, binary = _parts(call)
    known = (*contract.feature_names, *_TOP, *_OF_INPUT, MATRIX)
    document = parse_json(text, known)
    if not isinstance(document, dict) or "inputs" not in document:
        raise ContractBreach("The body must be an inference request with 'inputs'.", missing=["inputs"])
    unknown = [name for name in document if name not in _TOP]
    if unknown:
        raise ContractBreach("The body has keys that the protocol does not know.", extra=listed(unknown))
    request_id = document.get("id") or None
    if request_id is not None and not (isinstance(request_id, str) and is_request_id(request_id)):
        raise tensor_breach("id", "must be a string of 1 to 128 letters, digits and . _ : -")
    rows = _rows(_tensors(document["inputs"], binary, contract), contract)
    if not 0 < len(rows) <= max_rows:
        raise ContractBreach(f"The request must bring 1 to {max_rows} rows.")
    return _Request(request_id, rows, _wanted(document, contract))


def _parts(call: Call) -> tuple[bytes, memoryview]:
    declared = call.headers.get(HEADER_LENGTH)
    if declared is None:
        return call.body, memoryview(b"")
    length = int(declared) if declared.isdigit() and len(declared) < 18 else -1
    if not 0 <= length <= len(call.body):
        raise BodyMalformed("Inference-Header-Content-Length is not the length of the JSON in the body.")
    return call.body[:length], memoryview(call.body)[length:]


def _tensors(inputs: Any, binary: memoryview, contract: Contract) -> dict[str, NDArray[np.float64]]:
    """The input tensors by name. A name that is not known is refused before its data are looked at."""
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise tensor_breach("inputs", "must be an array of tensors")
    known = {MATRIX, *contract.feature_names}
    names = [entry.get("name") for entry in inputs]
    extra = [name if isinstance(name, str) else "a tensor without a name" for name in names if name not in known]
    if extra:
        raise breach([] if MATRIX in names else _absent(names, contract), listed(extra), [])
    tensors: dict[str, NDArray[np.float64]] = {}
    for name, entry in zip(names, inputs, strict=True):
        if name in tensors:
            raise BodyMalformed(f"The input '{name}' is given twice.", remedy="Send every tensor once.")
        tensors[name], binary = _tensor(name, entry, binary)
    if len(binary):
        raise BodyMalformed("There is more binary data behind the JSON than its tensors take.")
    return tensors


def _tensor(name: str, entry: dict[str, Any], binary: memoryview) -> tuple[NDArray[np.float64], memoryview]:
    unknown = [key for key in entry if key not in _OF_INPUT]
    shape, parameters = read_shape(entry.get("shape")), entry.get("parameters") or {}
    if unknown or shape is None or not isinstance(parameters, dict):
        raise tensor_breach(name, "must have a name, a shape of one or two dimensions, a datatype and data")
    size = parameters.get("binary_data_size")
    if size is None:
        return from_json(name, entry.get("datatype"), shape, entry.get("data")), binary
    if "data" in entry or not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary):
        raise tensor_breach(name, "has a binary_data_size that does not fit the body")
    return from_binary(name, entry.get("datatype"), shape, binary[:size]), binary[size:]


def _rows(tensors: Mapping[str, NDArray[np.float64]], contract: Contract) -> NDArray[np.float64]:
    names = contract.feature_names
    if tuple(tensors) == (MATRIX,) and (names != (MATRIX,) or tensors[MATRIX].ndim == 2):
        matrix = tensors[MATRIX]
        if matrix.ndim != 2 or matrix.shape[1] != len(names):
            raise tensor_breach(MATRIX, f"must have the shape [rows, {len(names)}]")
        return np.ascontiguousarray(matrix)
    extra = [name for name in tensors if name not in names]
    missing = _absent(list(tensors), contract)
    if extra or missing:
        raise breach(missing, extra, [])
    columns = [tensors[name] for name in names]
    rows = len(columns[0])
    for name, column in zip(names, columns, strict=True):
        if len(column) != rows or (column.ndim == 2 and column.shape[1] != 1):
            raise tensor_breach(name, "must have the shape [rows] or [rows, 1], with as many rows as the others")
    return np.ascontiguousarray(np.stack([column.reshape(rows) for column in columns], axis=1))


def _absent(names: list[Any], contract: Contract) -> list[str]:
    return [name for name in contract.feature_names if name not in names]


def _wanted(document: Mapping[str, Any], contract: Contract) -> dict[str, bool]:
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise tensor_breach("parameters", "must be an object")
    all_binary = parameters.get("binary_data_output") is True
    offered = [name for name, _ in output_types(contract)]
    outputs = document.get("outputs") or [{"name": name} for name in offered]
    if not isinstance(outputs, list) or not all(isinstance(entry, dict) for entry in outputs):
        raise tensor_breach("outputs", "must be an array of outputs")
    if any(entry.get("name") not in offered for entry in outputs):
        raise tensor_breach("outputs", f"may name {', '.join(offered)}, and nothing else")
    return {entry["name"]: (entry.get("parameters") or {}).get("binary_data", all_binary) is True for entry in outputs}


def output_types(contract: Contract) -> tuple[tuple[str, str], ...]:
    """The outputs of a model and their datatypes."""
    prediction = "INT64" if isinstance(contract.positive.value, int) else "BYTES"
    return (("probability_positive_class", "FP64"), ("prediction", prediction), ("prediction_label", "BYTES"))


def _encode(request: _Request, scored: ScoredRows, request_id: str, prediction_id: str, shadow: str | None) -> Reply:
    served, contract = scored.served, scored.served.contract
    probabilities = scored.probabilities.tolist()
    decided = [contract.decide(probability) for probability in probabilities]
    values: dict[str, list[Any]] = {
        "probability_positive_class": probabilities,
        "prediction": [each.value for each in decided],
        "prediction_label": [each.label for each in decided],
    }
    types = dict(output_types(contract))
    outputs, tail = [], []
    for name, is_binary in request.outputs.items():
        output: dict[str, Any] = {"name": name, "datatype": types[name], "shape": [len(probabilities)]}
        if is_binary:
            data = to_binary(values[name], types[name])
            tail.append(data)
            output["parameters"] = {"binary_data_size": len(data)}
        else:
            output["data"] = values[name]
        outputs.append(output)
    body = _json(
        {
            "model_name": served.name,
            "model_version": served.version,
            "id": request_id,
            "parameters": {
                "prediction_id": prediction_id,
                "model_stage": served.stage,
                "source_run_id": served.run_id or "",
                "positive_class": contract.positive_class,
                "threshold": contract.threshold,
                "model_role": scored.arm,
                "shadow_version": shadow or "",
                "out_of_range_count": 0 if scored.outside is None else int(scored.outside.sum()),
            },
            "outputs": outputs,
        }
    )
    named = (REQUEST_ID, request_id.encode())
    if not tail:
        return Reply(200, body, (JSON, named))
    length = (HEADER_LENGTH, b"%d" % len(body))
    return Reply(200, body + b"".join(tail), (BINARY, length, named))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
