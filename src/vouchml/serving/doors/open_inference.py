"""The Open Inference Protocol v2: `POST /v2/models/{name}[/versions/{version}]/infer`, in JSON and in binary.

Two ways to name the features: one tensor `features` of shape [rows, features] in the order of the model's metadata,
or one tensor a feature, of shape [rows] or [rows, 1]. Where an answer comes from stands in `parameters`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

import anyio.to_thread

from vouchml.errors import BodyTypeUnsupported, VersionNotFound, VouchError
from vouchml.model import Contract
from vouchml.serving.data_plane import DataPlane, ScoredRows
from vouchml.serving.doors.base import LONG_BODY, Call, check_json_type, is_plain
from vouchml.serving.doors.open_inference_request import InferenceRequest, decode_inference_request, output_types
from vouchml.serving.doors.predict import REQUEST_ID
from vouchml.serving.doors.tensors import to_binary
from vouchml.serving.error_replies import ask_again, in_one_line, told
from vouchml.serving.following.served_model import Lineup, ServedModel
from vouchml.serving.recording import Recording
from vouchml.serving.reply import JSON, Header, Reply
from vouchml.settings import ServingSettings

HEADER_LENGTH: Final = b"inference-header-content-length"
BINARY: Final[Header] = (b"content-type", b"application/octet-stream")
_TYPES_OF_BINARY: Final = (BINARY[1], JSON[1])


class OpenInferenceDoor:
    """Tensors in, tensors out, at the address of `model`; a `version` of None takes the one that serves."""

    name = "open_inference"

    def __init__(
        self, plane: DataPlane, recording: Recording, settings: ServingSettings, *, model: str, version: str | None
    ) -> None:
        self.longest_body = settings.max_batch_bytes
        self._max_rows = settings.max_batch_rows
        self._plane = plane
        self._recording = recording
        self._model = model
        self._version = version

    def check_headers(self, headers: Mapping[bytes, bytes]) -> None:
        """JSON, or JSON with binary tensors behind it.

        Triton's client declares no type at all, so that is taken too; but not from a page in a browser, which may
        send such a body to any address without asking.
        """
        if b"content-type" not in headers and b"origin" not in headers and is_plain(headers):
            return
        if HEADER_LENGTH not in headers:
            check_json_type(headers)
        elif headers.get(b"content-type", b"").strip().lower() not in _TYPES_OF_BINARY or not is_plain(headers):
            raise BodyTypeUnsupported(
                "A body with binary tensors must be declared as application/octet-stream, and not be compressed.",
                remedy="Send the header Content-Type: application/octet-stream.",
            )

    async def answer(self, call: Call) -> Reply:
        """Answer an inference request.

        Raises:
            VersionNotFound: the address names a model or a version that does not serve.
        """
        lineup = self._plane.lineup()
        check_address(lineup.champion, self._model, self._version)
        if self._version is not None:
            lineup = replace(lineup, canary=None)  # who names a version is answered by it
        request = await self._decode(call, lineup.champion.contract)
        call.name(request.id)
        scored = await self._plane.score_rows(lineup, call, request.rows, place="rows")
        prediction_id = await self._recording.many(self.name, call, scored, request.rows)
        return _encode(request, scored, call.request_id, prediction_id, lineup)

    async def _decode(self, call: Call, contract: Contract) -> InferenceRequest:
        def decode() -> InferenceRequest:
            length = call.headers.get(HEADER_LENGTH)
            return decode_inference_request(call.body, length, contract, model=self._model, max_rows=self._max_rows)

        return decode() if len(call.body) < LONG_BODY else await anyio.to_thread.run_sync(decode)

    def refuse(self, error: VouchError, call: Call) -> Reply:
        """`{"error": …}`, with what is wrong in words."""
        again = ask_again(error, self._plane.follower.retry_after)
        return open_inference_error(error, [(REQUEST_ID, call.request_id.encode()), *again])


def check_address(served: ServedModel, model: str, version: str | None) -> None:
    """Refuse an address that names something else than what serves.

    Raises:
        VersionNotFound: see there.
    """
    if model != served.name:
        raise VersionNotFound("There is no such model here.", remedy=f"The model here is {served.name}.")
    if version not in (None, served.version):
        raise VersionNotFound("That version does not serve.", remedy=f"The version that serves is {served.version}.")


def open_inference_error(error: VouchError, headers: Iterable[Header] = ()) -> Reply:
    """An error in the words of the protocol.

    It has one status for a request with anything wrong, 400, and its clients know that one: a breach of the contract
    is 400 here, where our own doors say 422.
    """
    error = told(error)
    status = HTTPStatus.BAD_REQUEST if error.http_status == HTTPStatus.UNPROCESSABLE_ENTITY else error.http_status
    return Reply(int(status), _json({"error": in_one_line(error)}), (JSON, *headers))


def _encode(
    request: InferenceRequest, scored: ScoredRows, request_id: str, prediction_id: str, lineup: Lineup
) -> Reply:
    served, contract = scored.served, scored.served.contract
    probabilities = scored.probabilities.tolist()
    decided = [contract.decide(probability) for probability in probabilities]
    values: dict[str, list[Any]] = {
        "probability_positive_class": probabilities,
        "prediction": [each.value for each in decided],
        "prediction_label": [each.label for each in decided],
    }
    types = dict(output_types(contract))
    if types["prediction"] == "BYTES":  # a target of numbers and texts
        values["prediction"] = [str(value) for value in values["prediction"]]
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
                "shadow_version": lineup.shadow.version if lineup.shadow else "",
                **({"break_glass_until": until} if (until := lineup.break_glass_until) else {}),
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
