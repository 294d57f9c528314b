"""The tensors of the Open Inference Protocol v2: out of JSON or binary, into float64, and back.

https://github.com/kserve/open-inference-protocol (specification/protocol/inference_rest.md) and the binary tensor
data extension of https://github.com/triton-inference-server/server (docs/protocol/extension_binary_data.md).
Numbers of every datatype but FP16 are taken when float64 holds them exactly; nothing is rounded.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import ContractBreach, InvalidFeature
from vouchml.model.cells import number_or_null
from vouchml.model.strict_json import FIRST_INEXACT, number

_TYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "FP64": np.dtype("<f8"),
    "FP32": np.dtype("<f4"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
}
_LARGEST_DIMENSION: Final = 2**31


def read_shape(shape: Any) -> tuple[int, ...] | None:
    """The dimensions of a tensor, or None when they are not some."""
    if not isinstance(shape, list) or not 1 <= len(shape) <= 2:
        return None
    good = all(
        isinstance(size, int) and not isinstance(size, bool) and 0 <= size < _LARGEST_DIMENSION for size in shape
    )
    return tuple(shape) if good else None


def from_json(
    name: str, datatype: Any, shape: tuple[int, ...], data: Any, *, nullable: bool = False
) -> NDArray[np.float64]:
    """The numbers of a tensor whose data stand in JSON, flat or nested as its shape is; shape as `shape`.

    Where it is `nullable` and of floating-point numbers, null is taken, as NaN.

    Raises:
        ContractBreach: the datatype is not a number's, or the data are not what it says.
    """
    kind = _number_type(name, datatype)
    cells = cells_of_tensor(name, data, shape)
    encode = number_or_null if nullable and kind.kind == "f" else number
    converted = [encode(cell) for cell in cells]
    wrong = next((cell for cell in converted if isinstance(cell, str)), None)
    if wrong is not None:
        raise tensor_breach(name, f"holds data of which one {wrong}")
    numbers = np.array(converted, dtype=np.float64).reshape(shape)
    if kind.kind in "iu":
        bounds = np.iinfo(kind)
        # Python compares an integer with a float exactly; float64 would round the bounds of 64 bits.
        if not all(bounds.min <= cell <= bounds.max and cell == int(cell) for cell in cells):
            raise tensor_breach(name, f"holds numbers that {datatype} does not")
    elif kind.itemsize == 4:
        with np.errstate(over="ignore"):
            as_they_are = numbers.astype(np.float32).astype(np.float64)
        if not np.array_equal(as_they_are, numbers, equal_nan=True):
            raise tensor_breach(name, "holds numbers that FP32 does not; send them as FP64")
    return numbers


def from_binary(
    name: str, datatype: Any, shape: tuple[int, ...], data: memoryview, *, nullable: bool = False
) -> NDArray[np.float64]:
    """The numbers of a tensor whose data are little-endian bytes; shape as `shape`. NaN is null, where `nullable`.

    Raises:
        ContractBreach: the datatype is not a number's, the length is another, or a number is not finite or not exact.
    """
    kind = _number_type(name, datatype)
    if len(data) != kind.itemsize * math.prod(shape):
        raise tensor_breach(name, "has not as many bytes as its shape and datatype say")
    sent = np.frombuffer(data, dtype=kind)
    numbers = sent.astype(np.float64)
    if not (np.isfinite(numbers) | (nullable & np.isnan(numbers))).all():
        raise tensor_breach(name, "holds numbers that are not finite")
    if kind.kind in "iu":
        large = sent[np.abs(numbers) >= FIRST_INEXACT].tolist()
        wrong = next((cell for cell in map(number, large) if isinstance(cell, str)), None)
        if wrong is not None:
            raise tensor_breach(name, f"holds data of which one {wrong}")
    return numbers.reshape(shape)


def to_binary(values: Sequence[Any], datatype: str) -> bytes:
    """The bytes of an output tensor: little-endian numbers, or each text after its length in four bytes."""
    if datatype == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.asarray(values, dtype=_TYPES[datatype]).tobytes()


def tensor_breach(name: str, problem: str) -> ContractBreach:
    """The refusal of a tensor; `name` is one that the contract or the protocol knows, never the caller's own."""
    return ContractBreach(f"The input '{name}' {problem}.", invalid=[InvalidFeature(name, problem)])


def _number_type(name: str, datatype: Any) -> np.dtype[Any]:
    kind = _TYPES.get(datatype) if isinstance(datatype, str) else None
    if kind is None:
        raise tensor_breach(name, f"must have one of the datatypes {', '.join(_TYPES)}")
    return kind


def cells_of_tensor(name: str, data: Any, shape: tuple[int, ...]) -> list[Any]:
    """The data of a tensor in JSON, in row-major order.

    Raises:
        ContractBreach: they are not as many as `shape` says, or nested in another way.
    """
    cells = _cells(data, shape)
    if cells is None:
        raise tensor_breach(name, "has not as many data as its shape says, or they are nested in another way")
    return cells


def _cells(data: Any, shape: tuple[int, ...]) -> list[Any] | None:
    if not isinstance(data, list):
        return None
    if len(shape) == 2 and data and all(isinstance(row, list) for row in data):
        rows, columns = shape
        if len(data) != rows or any(len(row) != columns for row in data):
            return None
        return [cell for row in data for cell in row]
    return data if len(data) == math.prod(shape) else None
