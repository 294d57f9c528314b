"""An inference request of the Open Inference Protocol v2: out of JSON, and the binary tensors that may follow it.

https://github.com/kserve/open-inference-protocol (specification/protocol/inference_rest.md). Parameters that are
hints, such as a priority, are passed over, as the protocol leaves them to each server; one that would change what the
data or the answer mean is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BodyMalformed, ContractBreach
from vouchml.model import Contract, Feature
from vouchml.model.cells import null_problems
from vouchml.model.long_json import Limits
from vouchml.model.request import breach, is_request_id
from vouchml.model.strict_json import listed, parse_json
from vouchml.serving.doors.tensors import from_binary, from_json, read_shape, tensor_breach
from vouchml.serving.doors.text_tensors import TEXTS, places_from_binary, places_from_json

#: The input that holds all features: a matrix of shape [rows, features].
MATRIX: Final = "features"

# kserve's client names the model in the body too.
_TOP: Final = ("id", "model_name", "parameters", "inputs", "outputs")
_OF_INPUT: Final = ("name", "shape", "datatype", "parameters", "data")
_OF_OUTPUT: Final = ("name", "parameters")
# Triton's extensions that put the data elsewhere, or answer with something else.
NOT_OFFERED: Final = (
    "classification",
    "shared_memory_region",
    "shared_memory_offset",
    "shared_memory_byte_size",
)


@dataclass(frozen=True, eq=False)
class InferenceRequest:
    """Rows, shape (rows, features), and the outputs that are wanted by name, with whether each is to be binary."""

    id: str | None
    rows: NDArray[np.float64]
    outputs: Mapping[str, bool]


def decode_inference_request(
    body: bytes, header_length: bytes | None, contract: Contract, *, model: str, max_rows: int
) -> InferenceRequest:
    """Decode a body for `model`, whose first `header_length` bytes are JSON; all of it, when that is None.

    Raises:
        BodyMalformed: it is not JSON, a key or an input is given twice, or the binary part has another length.
        ContractBreach: a tensor is missing, is extra, or is not what the contract allows.
    """
    text, binary = _parts(body, header_length)
    known = (*contract.feature_names, *_TOP, *_OF_INPUT, MATRIX)
    # Clients that write JSON with Python have no null among numbers, and say NaN.
    limits = Limits(max_rows, len(contract.features))
    document = parse_json(text, known, limits, nan_is_null=contract.has_nulls)
    if not isinstance(document, dict) or "inputs" not in document:
        raise ContractBreach("The body must be an inference request with 'inputs'.", missing=["inputs"])
    unknown = [name for name in document if name not in _TOP]
    if unknown:
        raise ContractBreach("The body has keys that the protocol does not know.", extra=listed(unknown))
    if document.get("model_name", model) != model:
        raise tensor_breach("model_name", "must be the model that the address names")
    request_id = document.get("id")
    if request_id is not None and not (isinstance(request_id, str) and is_request_id(request_id)):
        raise tensor_breach("id", "must be a string of 1 to 128 letters, digits and . _ : -")
    outputs = _outputs(document, contract)
    rows = _rows(_tensors(document["inputs"], binary, contract), contract)
    if not 0 < len(rows) <= max_rows:
        raise ContractBreach(f"The request must bring 1 to {max_rows} rows.")
    return InferenceRequest(request_id, rows, outputs)


def output_types(contract: Contract) -> tuple[tuple[str, str], ...]:
    """The outputs of a model and their datatypes."""
    values = (contract.positive.value, contract.negative.value)
    prediction = "INT64" if all(isinstance(value, int) for value in values) else "BYTES"
    return (("probability_positive_class", "FP64"), ("prediction", prediction), ("prediction_label", "BYTES"))


def input_type(feature: Feature) -> str:
    """The datatype of a feature that is sent as a tensor of its own."""
    return "FP64" if feature.categories is None else TEXTS


def _parts(body: bytes, header_length: bytes | None) -> tuple[bytes, memoryview]:
    if header_length is None:
        return body, memoryview(b"")
    length = int(header_length) if header_length.isdigit() and len(header_length) < 18 else -1
    if not 0 <= length <= len(body):
        raise BodyMalformed("Inference-Header-Content-Length is not the length of the JSON in the body.")
    return body[:length], memoryview(body)[length:]


def _tensors(inputs: Any, binary: memoryview, contract: Contract) -> dict[str, NDArray[np.float64]]:
    """The input tensors by name. A name that is not known is refused before any data are looked at."""
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise tensor_breach("inputs", "must be an array of tensors")
    names = [entry.get("name") for entry in inputs]
    if not all(isinstance(name, str) for name in names):
        raise tensor_breach("inputs", "must be an array of tensors that have a name each")
    known = {MATRIX, *contract.feature_names}
    extra = [name for name in names if name not in known]
    if extra:
        raise breach([] if MATRIX in names else _absent(names, contract), listed(extra), [])
    features = {feature.name: feature for feature in contract.features}
    if MATRIX in names and MATRIX not in features and contract.has_categories:
        raise tensor_breach(MATRIX, "cannot hold texts; send one tensor for each feature")
    tensors: dict[str, NDArray[np.float64]] = {}
    for name, entry in zip(names, inputs, strict=True):
        if name in tensors:
            raise BodyMalformed(f"The input '{name}' is given twice.", remedy="Send every tensor once.")
        tensors[name], binary = _tensor(name, entry, binary, features.get(name), contract)
    if len(binary):
        raise BodyMalformed("There is more binary data behind the JSON than its tensors take.")
    return tensors


def _tensor(
    name: str, entry: dict[str, Any], binary: memoryview, feature: Feature | None, contract: Contract
) -> tuple[NDArray[np.float64], memoryview]:
    """What stands in the rows for one input, of `feature` or of them all, and the binary data behind it."""
    shape, parameters = read_shape(entry.get("shape")), _parameters(name, entry)
    if shape is None or not entry.keys() <= set(_OF_INPUT):
        raise tensor_breach(name, "must have a name, a shape of one or two dimensions, a datatype and data")
    texts = feature if feature is not None and feature.categories is not None else None
    nullable = contract.has_nulls if feature is None else feature.nullable
    if "binary_data_size" not in parameters:
        if texts is not None:
            return places_from_json(texts, entry.get("datatype"), shape, entry.get("data")), binary
        return from_json(name, entry.get("datatype"), shape, entry.get("data"), nullable=nullable), binary
    size = parameters["binary_data_size"]
    if "data" in entry or not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary):
        raise tensor_breach(name, "has a binary_data_size that does not fit the body")
    if texts is not None:
        return places_from_binary(texts, entry.get("datatype"), shape, binary[:size]), binary[size:]
    return from_binary(name, entry.get("datatype"), shape, binary[:size], nullable=nullable), binary[size:]


def _rows(tensors: Mapping[str, NDArray[np.float64]], contract: Contract) -> NDArray[np.float64]:
    names = contract.feature_names
    if tuple(tensors) == (MATRIX,) and (names != (MATRIX,) or tensors[MATRIX].ndim == 2):
        matrix = tensors[MATRIX]
        if matrix.ndim != 2 or matrix.shape[1] != len(names):
            raise tensor_breach(MATRIX, f"must have the shape [rows, {len(names)}]")
        if wrong := null_problems(contract, matrix):
            raise breach([], [], wrong)
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


def _absent(names: list[str], contract: Contract) -> list[str]:
    given = set(names)
    return [name for name in contract.feature_names if name not in given]


def _outputs(document: Mapping[str, Any], contract: Contract) -> dict[str, bool]:
    """The outputs that are wanted, in the order in which they were asked for; all of them when none is named."""
    all_binary = _flag("parameters", _parameters("parameters", document), "binary_data_output", default=False)
    offered = [name for name, _ in output_types(contract)]
    entries = document.get("outputs")
    if entries is None or entries == []:
        return dict.fromkeys(offered, all_binary)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise tensor_breach("outputs", "must be an array of outputs")
    wanted: dict[str, bool] = {}
    for entry in entries:
        name = entry.get("name")
        if name not in offered or name in wanted or not entry.keys() <= set(_OF_OUTPUT):
            raise tensor_breach("outputs", f"may name {', '.join(offered)}, each once, and nothing else")
        wanted[name] = _flag("outputs", _parameters("outputs", entry), "binary_data", default=all_binary)
    return wanted


def _parameters(place: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = entry.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise tensor_breach(place, "must have an object as its parameters")
    for name in NOT_OFFERED:
        if name in parameters:
            raise tensor_breach(place, f"has the parameter {name}, which this service does not know")
    return parameters


def _flag(place: str, parameters: Mapping[str, Any], name: str, *, default: bool) -> bool:
    flag = parameters.get(name, default)
    if not isinstance(flag, bool):
        raise tensor_breach(place, f"must have true or false as the parameter {name}")
    return flag
