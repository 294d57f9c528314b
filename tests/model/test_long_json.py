"""The parser of long bodies against Python's own, with pieces so short that every cut occurs."""

from __future__ import annotations

import json
import string
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vouchml.errors import BodyMalformed, ContractBreach
from vouchml.model import long_json
from vouchml.model.long_json import Limits, Pairs, parse_long_json

LIMITS = Limits(rows=10_000, columns=100)
DECODER: Any = json.JSONDecoder(object_pairs_hook=list)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(['"', "],", "},", "[", "{", "\\", ",", 'a"],[', "\u2028\ud800"]),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=12), st.dictionaries(st.text(max_size=6), inner, max_size=6)),
    max_leaves=60,
)


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_json, "PIECE", 40)
    monkeypatch.setattr(long_json, "_SHORT", 16)
    monkeypatch.setattr(long_json, "_DEPTH", 100)


def ours(text: str) -> Any:
    return outcome(lambda: parse_long_json(text, DECODER.scan_once, cast("Pairs", list), LIMITS))


def pythons(text: str) -> Any:
    return outcome(lambda: DECODER.decode(text))


def outcome(parse: Any) -> Any:
    try:
        return repr(parse())
    except json.JSONDecodeError:
        return "no JSON"


def written(document: Any, separators: tuple[str, str], *, indent: int | None) -> str:
    return json.dumps(document, separators=separators, indent=indent)


spellings = st.tuples(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]), st.sampled_from([None, None, 1]))


@settings(max_examples=800, deadline=None)
@given(documents, spellings)
def test_it_reads_what_python_reads(document: Any, spelling: tuple[tuple[str, str], int | None]) -> None:
    text = written(document, spelling[0], indent=spelling[1])

    assert ours(text) == pythons(text) != "no JSON"


@settings(max_examples=800, deadline=None)
@given(
    documents,
    spellings,
    st.integers(0, 10**6),
    st.one_of(st.text(string.printable, max_size=3), st.sampled_from(list('[]{},:"\\0-. '))),
    st.integers(0, 3),
)
def test_it_refuses_what_python_refuses(
    document: Any, spelling: tuple[tuple[str, str], int | None], place: int, put: str, instead: int
) -> None:
    text = written(document, spelling[0], indent=spelling[1])
    place %= len(text) + 1
    text = text[:place] + put + text[place + instead :]

    assert ours(text) == pythons(text)


@pytest.mark.parametrize(
    "text", ["", " ", "[", "[1,", "[1", "[1,]", "[,]", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', "1 2"]
)
@pytest.mark.parametrize("before", ["", "[" + "1," * 50, "[" + "[1]," * 50, '[{"a":1},' * 1, " " * 100])
def test_an_end_that_is_none_is_refused(text: str, before: str) -> None:
    assert ours(before + text) == pythons(before + text) == "no JSON"


def test_an_error_is_where_it_is() -> None:
    rows = ",\n".join(['{"a": 1, "b": 2}'] * 500)
    text = f'{{"rows": [{rows},\n{{"a": 1, "b" 2}},\n{rows}]}}'
    with pytest.raises(json.JSONDecodeError) as found:
        parse_long_json(text, DECODER.scan_once, dict, LIMITS)

    assert (found.value.lineno, found.value.colno) == (501, 14)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" + "[]," * 30_000 + "[]]", "must bring 1 to 1 rows"),
        ("[" + "{}," * 30_000 + "{}]", "must bring 1 to 1 rows"),
        ("[" + "1," * 30_000 + "1]", "more numbers than 1 rows"),
        ("{" + ",".join(f'"{number}":0' for number in range(20_000)) + "}", "more than 10003 keys"),
    ],
    ids=["arrays", "objects", "numbers", "keys"],
)
def test_it_stops_where_there_is_more_than_a_request_needs(text: str, said: str) -> None:
    without_end = text[:-1] + " this is no JSON"
    with pytest.raises(ContractBreach, match=said):
        parse_long_json(without_end, DECODER.scan_once, dict, Limits(rows=1, columns=3))


def test_it_goes_no_deeper_than_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_json, "_DEPTH", 8)
    with pytest.raises(BodyMalformed, match="nested deeper"):
        parse_long_json("[" * 100, DECODER.scan_once, dict, LIMITS)
