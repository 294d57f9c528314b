from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.canonical_json import canonical_json

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
documents = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


def as_written(value: Any) -> Any:
    """What JSON gives back: what it cannot carry comes as text."""
    if isinstance(value, dict):
        return {key: as_written(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [as_written(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**53 else str(value)
    return value


@given(documents)
def test_whatever_is_written_reads_back_equal(document: Any) -> None:
    # All of JSON's numbers are float64: a whole one of more than 16 digits is not the integer that it looks like.
    assert json.loads(canonical_json(document), parse_int=float) == as_written(document)


@given(st.dictionaries(st.text(), leaves), st.randoms(use_true_random=False))
def test_the_order_of_the_keys_does_not_matter(document: dict[str, Any], random: Any) -> None:
    entries = list(document.items())
    random.shuffle(entries)
    assert canonical_json(dict(entries)) == canonical_json(document)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2**53 - 1, b"9007199254740991"),
        (2**53, b'"9007199254740992"'),
        (-(2**53), b'"-9007199254740992"'),
        (1.0, b"1"),
        (-0.0, b"0"),
        (0.1 + 0.2, b"0.30000000000000004"),
        (1e21, b"1e+21"),
        (math.nan, b'"nan"'),
        (-math.inf, b'"-inf"'),
        (True, b"true"),
        ((1, "é"), '[1,"é"]'.encode()),
        ({"b": 1, "a": {}}, b'{"a":{},"b":1}'),
    ],
)
def test_a_value_has_one_spelling(value: Any, written: bytes) -> None:
    assert canonical_json(value) == written
