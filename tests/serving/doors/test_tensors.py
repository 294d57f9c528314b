from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from tritonclient.utils import deserialize_bytes_tensor, np_to_triton_dtype

from vouchml.errors import ContractBreach
from vouchml.serving.doors.tensors import from_binary, from_json, read_shape, to_binary

KINDS = ("<f8", "<f4", "<i1", "<i2", "<i4", "<i8", "<u1", "<u2", "<u4", "<u8")

tensors = st.sampled_from(KINDS).flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4))
)


def datatype_of(array: NDArray[Any]) -> str:
    name: str = np_to_triton_dtype(array.dtype)
    return name


def outcome(read: Callable[[], NDArray[np.float64]]) -> Any:
    """The shape and the bits, or that it was refused."""
    try:
        numbers = read()
    except ContractBreach:
        return "refused"
    assert numbers.dtype == np.float64
    return numbers.shape, numbers.tobytes()


def binary(array: NDArray[Any]) -> NDArray[np.float64]:
    return from_binary("x", datatype_of(array), array.shape, memoryview(array.tobytes()))


@settings(max_examples=300, deadline=None)
@given(tensors)
def test_binary_data_are_the_numbers_that_were_sent_or_are_refused(array: NDArray[Any]) -> None:
    exact = array.size == 0 or all(np.isfinite(number) and float(number) == number for number in array.ravel().tolist())

    found = outcome(lambda: binary(array))

    assert found == ((array.shape, array.astype(np.float64).tobytes()) if exact else "refused")


@settings(max_examples=300, deadline=None)
@given(tensors, st.booleans())
def test_the_same_tensor_is_taken_in_json_and_in_binary(array: NDArray[Any], flat: bool) -> None:
    text = json.dumps(array.ravel().tolist() if flat else array.tolist(), allow_nan=True)
    if not np.isfinite(array).all():
        return
    in_json = outcome(lambda: from_json("x", datatype_of(array), array.shape, json.loads(text)))

    assert in_json == outcome(lambda: binary(array))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=5))
def test_texts_are_read_as_they_were_by_tritons_own_code(texts: list[str]) -> None:
    read = deserialize_bytes_tensor(to_binary(texts, "BYTES"))

    assert [text.decode() for text in read.tolist()] == texts


def test_numbers_go_out_little_endian() -> None:
    assert to_binary([0.1, -2.0], "FP64") == struct.pack("<2d", 0.1, -2.0)
    assert to_binary([1, -1], "INT64") == struct.pack("<2q", 1, -1)


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "BOOL", "BYTES", "fp64", "", None, 64, ["FP64"], {}])
def test_another_datatype_is_refused(datatype: Any) -> None:
    with pytest.raises(ContractBreach, match="must have one of the datatypes FP64, FP32"):
        from_json("x", datatype, (1,), [1.0])
    with pytest.raises(ContractBreach, match="must have one of the datatypes FP64, FP32"):
        from_binary("x", datatype, (1,), memoryview(b"\0" * 8))


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("FP64", [None]),
        ("FP64", [True]),
        ("FP64", ["1"]),
        ("FP64", [[1.0]]),
        ("FP64", [{}]),
        ("FP64", [float("nan")]),
        ("FP64", [float("-inf")]),
        ("FP64", [10**400]),
        ("FP64", [2**53 + 1]),
        ("FP32", [0.1]),
        ("FP32", [1e39]),
        ("FP32", [2**24 + 1]),
        ("INT8", [128]),
        ("UINT8", [-1]),
        ("INT32", [3_000_000_000]),
        ("INT32", [1.5]),
        ("INT64", [2**63]),
        ("INT64", [-(2**63) - 2048]),
        ("INT64", [9.3e18]),
        ("UINT64", [2**64]),
        ("UINT64", [2**53 + 1]),
    ],
)
def test_a_number_that_the_datatype_does_not_hold_is_refused(datatype: str, data: list[Any]) -> None:
    with pytest.raises(ContractBreach, match="holds"):
        from_json("x", datatype, (1,), data)


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ((2, 2), [[1, 2, 3], [4]]),
        ((2, 2), [[1, 2]]),
        ((2, 2), [[1, 2], 3, 4]),
        ((2, 2), [[1, 2, 3, 4]]),
        ((2, 2), [1, 2, 3]),
        ((2,), [[1, 2]]),
        ((2,), [[1], [2]]),
        ((2,), [1]),
        ((0, 2), [[]]),
        ((1,), 1),
        ((1,), None),
        ((1,), "1"),
        ((1,), {"0": 1}),
    ],
)
def test_data_that_are_not_nested_as_their_shape_says_are_refused(shape: tuple[int, ...], data: Any) -> None:
    with pytest.raises(ContractBreach):
        from_json("x", "FP64", shape, data)


@pytest.mark.parametrize("length", [0, 7, 9, 16])
def test_binary_data_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(ContractBreach, match="has not as many bytes"):
        from_binary("x", "FP64", (1,), memoryview(b"\0" * length))


@pytest.mark.parametrize("shape", [None, [], 3, "3", [1, 2, 3], [-1], [1.0], [True], ["1"], [None], [2**31], [[1]], {}])
def test_what_is_no_shape_of_one_or_two_dimensions_is_not_read(shape: Any) -> None:
    assert read_shape(shape) is None
