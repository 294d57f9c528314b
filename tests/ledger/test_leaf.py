"""Leaves are read back only in the one form that RFC 8785 gives them, whatever of it is looked at faster."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.canonical_json import canonical_json
from vouchml.errors import LedgerInvalid
from vouchml.ledger.leaf import read_leaf

FIELDS = {"time": "2026-11-24T22:04:10.000000Z", "type": "prediction", "v": 1}
EXACT = 2**53 - 1
texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-EXACT, EXACT) | st.floats(-EXACT, EXACT) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def leaf(said: str) -> bytes:
    """A leaf in the right form, but for `said` as the value of its first key."""
    return b'{"about":' + said.encode(errors="surrogatepass") + b"," + canonical_json(FIELDS)[1:]


def is_canonical(content: bytes) -> bool:
    try:
        return canonical_json(json.loads(content)) == content
    except ValueError:
        return False


@given(values)
def test_every_canonical_leaf_is_read_as_what_it_says(value: Any) -> None:
    content = leaf(canonical_json(value).decode())
    assert read_leaf(content) == json.loads(content)


@given(values, st.booleans(), st.sampled_from([(",", ":"), (", ", ": "), (",", ": ")]))
def test_a_leaf_in_another_form_than_the_canonical_one_is_none(
    value: Any, escaped: bool, separators: tuple[str, str]
) -> None:
    content = leaf(json.dumps(value, ensure_ascii=escaped, separators=separators))
    if is_canonical(content):
        assert read_leaf(content) == json.loads(content)
    else:
        with pytest.raises(LedgerInvalid, match="RFC 8785"):
            read_leaf(content)


@pytest.mark.parametrize(
    "said",
    [
        "-0",
        "1.0",
        "1e3",
        "01",
        "9007199254740992",
        "NaN",
        "Infinity",
        '"\\u0041"',
        '"\\/"',
        '"\\u007f"',
        '"\\ud800"',
        '"\\u00e9"',
        '{"b":1,"a":2}',
        '{"a":1,"a":1}',
        '" \x7f"',
        "[" * 100_000,
        '{"\U0001f600":1,"\ufb33":2}',
        '{"\ufb33":1,"\U0001f600":2}',
    ],
)
def test_what_python_reads_and_writes_otherwise_than_the_canonical_form_is_judged_by_that_form(said: str) -> None:
    content = leaf(said)
    try:
        canonical = is_canonical(content)
    except RecursionError:
        canonical = False
    if canonical:
        assert read_leaf(content) == json.loads(content)
    else:
        with pytest.raises(LedgerInvalid, match="RFC 8785"):
            read_leaf(content)
