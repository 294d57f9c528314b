"""Tensors of texts (BYTES) of the Open Inference Protocol v2: the categories of one feature.

In binary each text stands after its length, four bytes, little-endian (the binary tensor data extension of
https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md). The protocol has no null: a
text of no bytes stands for it, which is never a category.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.model import Feature
from vouchml.model.cells import encoder
from vouchml.serving.doors.tensors import cells_of_tensor, tensor_breach

TEXTS: Final = "BYTES"


def places_from_json(feature: Feature, datatype: Any, shape: tuple[int, ...], data: Any) -> NDArray[np.float64]:
    """The places of the categories in a tensor whose data stand in JSON; shape as `shape`.

    Raises:
        ContractBreach: the datatype is another, the data are not as many, or one is not a category.
    """
    _require_texts(feature, datatype)
    return _places(feature, cells_of_tensor(feature.name, data, shape)).reshape(shape)


def places_from_binary(
    feature: Feature, datatype: Any, shape: tuple[int, ...], data: memoryview
) -> NDArray[np.float64]:
    """The places of the categories in a tensor of bytes; shape as `shape`.

    Raises:
        ContractBreach: see `places_from_json`.
    """
    _require_texts(feature, datatype)
    texts = list(_texts(feature, data, math.prod(shape)))
    return _places(feature, texts).reshape(shape)


def _require_texts(feature: Feature, datatype: Any) -> None:
    if datatype != TEXTS:
        raise tensor_breach(feature.name, f"holds categories and must have the datatype {TEXTS}")


def _places(feature: Feature, cells: Iterable[Any]) -> NDArray[np.float64]:
    encode = encoder(feature)
    encoded = [encode(None if cell == "" else cell) for cell in cells]
    wrong = next((cell for cell in encoded if isinstance(cell, str)), None)
    if wrong is not None:
        raise tensor_breach(feature.name, f"holds data of which one {wrong}")
    return np.array(encoded, dtype=np.float64)


def _texts(feature: Feature, data: memoryview, count: int) -> Iterator[str]:
    """The `count` texts that `data` must hold, and nothing else."""
    at = 0
    for _ in range(count):
        if at + 4 > len(data):
            raise _wrong_length(feature)
        (length,) = struct.unpack_from("<I", data, at)
        at += 4 + length
        if at > len(data):
            raise _wrong_length(feature)
        try:
            yield bytes(data[at - length : at]).decode()
        except UnicodeDecodeError:
            raise tensor_breach(feature.name, "holds texts that are not UTF-8") from None
    if at != len(data):
        raise _wrong_length(feature)


def _wrong_length(feature: Feature) -> Exception:
    return tensor_breach(feature.name, "has not as many bytes as its shape and its texts say")
