"""The compiled decoder takes what the slow one takes, bit for bit, and refuses what it refuses in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vouchml.errors import VouchError
from vouchml.model import Contract, Feature, LabelledClass
from vouchml.model.decoder import Ranges, RequestDecoder
from vouchml.model.request import decode_batch, decode_request

NAMES = ("mean radius", 'a "quoted" one', "größe", "explain", "request_id", "a\\b", "rows", "features")
MAX_ROWS = 4


TEXTS = ("", "f", "m", "é", 'say "so"', "back\\slash", "null", "1", "measured")
CATEGORIES = tuple(sorted(TEXTS[1:-1]))
MIXED = (
    Feature(name="mean radius", minimum=-1.0, maximum=10.0),
    Feature(name="größe", nullable=True, minimum=-1.0, maximum=10.0),
    Feature(name="explain", type="category", categories=CATEGORIES),
    Feature(name="rows", type="category", nullable=True, categories=CATEGORIES[:1]),
)


def contract_of(features: tuple[Feature, ...]) -> Contract:
    return Contract(
        features=features,
        target="t",
        classes=(LabelledClass(value=0, label="no"), LabelledClass(value=1, label="yes")),
        positive_class="yes",
        threshold=0.5,
        scorer="onnx",
        estimator="logistic_regression",
        data_sha256="0" * 64,
        data_content_sha256="0" * 64,
    )


def plain(*names: str) -> tuple[Feature, ...]:
    return tuple(Feature(name=name, minimum=-1.0, maximum=10.0) for name in names)


CONTRACTS = tuple(contract_of(plain(*NAMES[:count])) for count in (1, 3, len(NAMES)))
MIXED_CONTRACTS = (
    contract_of(MIXED),
    contract_of(MIXED[1:2]),
    contract_of(MIXED[2:3]),
    contract_of((*MIXED, *plain('a "quoted" one'))),  # msgspec has no field of that name
)

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63, 0, -0.0, 1e308]),
)
not_numbers: st.SearchStrategy[Any] = st.sampled_from([None, True, "1", "", [], {}, [1], float("nan"), float("inf")])


@st.composite
def bodies(draw: st.DrawFn, top: str) -> tuple[Contract, bytes]:
    """Bodies that are right, nearly right and wrong: keys missing, extra, twice, escaped; cells of every kind."""
    contract = draw(st.sampled_from(CONTRACTS + MIXED_CONTRACTS))
    is_wild = draw(st.booleans())

    def cell(name: str) -> str:
        feature = next((each for each in contract.features if each.name == name), None)
        right: st.SearchStrategy[Any] = numbers
        if feature is not None and feature.categories is not None:
            right = st.sampled_from(feature.categories)
        if feature is not None and feature.nullable:
            right = right | st.none()
        value = draw(st.one_of(right, numbers, not_numbers, st.sampled_from(TEXTS)) if is_wild else right)
        return draw(spellings)(value) if isinstance(value, str) else json.dumps(value)

    def record() -> str:
        names = list(contract.feature_names)
        if draw(st.integers(0, 3)) == 0:
            names += draw(st.lists(st.sampled_from([*NAMES, "x"]), max_size=2))
        if draw(st.integers(0, 5)) == 0:
            names.pop(draw(st.integers(0, len(names) - 1)))
        draw(st.randoms(use_true_random=False)).shuffle(names)
        return spelt(draw, [(name, cell(name)) for name in names])

    value = record() if top == "features" else f"[{','.join(record() for _ in range(draw(st.integers(0, 5))))}]"
    keys = [(top, value)]
    if draw(st.booleans()):
        keys.append(
            ("request_id", json.dumps(draw(st.sampled_from(["abc", "explain", "", 'a"b', "a\n", "é", 1, None]))))
        )
    if draw(st.integers(0, 3)) == 0:
        keys.append(("explain", draw(st.sampled_from(["true", "false", "1", "null"]))))
    if draw(st.integers(0, 5)) == 0:
        keys.append(draw(st.sampled_from([*keys, ("more", "1")])))
    draw(st.randoms(use_true_random=False)).shuffle(keys)
    text = spelt(draw, keys)
    return contract, (text if draw(st.integers(0, 9)) else text[:-1]).encode()


def spelt(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> str:
    """A JSON object, each name with or without escapes."""
    return "{" + ", ".join(f"{draw(spellings)(name)}:{value}" for name, value in pairs) + "}"


def all_escaped(name: str) -> str:
    return '"' + "".join(f"\\u{ord(character):04x}" for character in name) + '"'


spellings: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [json.dumps, lambda name: json.dumps(name, ensure_ascii=False), all_escaped]
)


def outcome(decode: Callable[[], Any]) -> Any:
    try:
        request = decode()
    except VouchError as error:
        return (
            type(error),
            error.message,
            getattr(error, "missing", ()),
            getattr(error, "extra", ()),
            getattr(error, "invalid", ()),
        )
    rows = request.row if hasattr(request, "row") else request.rows
    return request.request_id, getattr(request, "explain", None), rows.shape, rows.tobytes()


@settings(max_examples=600, deadline=None)
@given(bodies("features"))
def test_one_row_is_decoded_as_the_slow_decoder_does(case: tuple[Contract, bytes]) -> None:
    contract, body = case
    compiled = RequestDecoder(contract, max_rows=MAX_ROWS)

    assert outcome(lambda: compiled.one(body)) == outcome(lambda: decode_request(body, contract))


@settings(max_examples=300, deadline=None)
@given(bodies("rows"))
def test_many_rows_are_decoded_as_the_slow_decoder_does(case: tuple[Contract, bytes]) -> None:
    contract, body = case
    compiled = RequestDecoder(contract, max_rows=MAX_ROWS)

    assert outcome(lambda: compiled.many(body)) == outcome(lambda: decode_batch(body, contract, max_rows=MAX_ROWS))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_error_of_ours_or_a_row(body: bytes) -> None:
    compiled = RequestDecoder(CONTRACTS[0], max_rows=MAX_ROWS)

    for decode in (compiled.one, compiled.many):
        outcome(lambda decode=decode: decode(body))  # type: ignore[misc]


@pytest.mark.parametrize("key", ["features", "mean radius", "request_id"])
def test_a_key_named_twice_is_refused(key: str) -> None:
    pairs = [("features", '{"mean radius": 1}'), ("request_id", '"a"')]
    inner = [("mean radius", "1")]
    if key == "mean radius":
        pairs[0] = ("features", '{"mean radius": 1, "mean radius": 1}')
        inner.append(inner[0])
    else:
        pairs.append(next(pair for pair in pairs if pair[0] == key))
    body = "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"

    with pytest.raises(VouchError, match="twice"):
        RequestDecoder(CONTRACTS[0], max_rows=1).one(body.encode())


def test_a_body_nested_without_end_is_refused() -> None:
    for body in (b'{"features":' * 100_000, b"[" * 1_000_000):
        with pytest.raises(VouchError):
            RequestDecoder(CONTRACTS[0], max_rows=1).one(body)


@given(st.lists(numbers.map(float), min_size=3, max_size=3))
def test_what_lies_outside_its_range_is_named(cells: list[float]) -> None:
    contract = CONTRACTS[1]
    body = json.dumps({"features": dict(zip(NAMES, cells, strict=False))}).encode()
    ranges, request = Ranges(contract), RequestDecoder(contract, max_rows=1).one(body)
    outside = tuple(name for name, cell in zip(NAMES, cells, strict=False) if not -1.0 <= cell <= 10.0)

    assert ranges.outside(request.row) == outside
    assert ranges.count_outside(request.row.reshape(1, -1)).tolist() == [len(outside)]
    assert not (request.in_range and outside)


def test_a_row_within_its_ranges_is_known_to_be() -> None:
    body = b'{"features": {"mean radius": 10.0}}'

    assert RequestDecoder(CONTRACTS[0], max_rows=1).one(body).in_range


MIXED_ROW = {"mean radius": 1.5, "größe": None, "explain": "é", "rows": CATEGORIES[0]}


def test_a_row_of_categories_and_nulls_is_taken_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = RequestDecoder(MIXED_CONTRACTS[0], max_rows=MAX_ROWS)
    one = json.dumps({"features": MIXED_ROW, "request_id": "a"}, ensure_ascii=False).encode()
    many = json.dumps({"rows": [MIXED_ROW, {**MIXED_ROW, "rows": None}]}).encode()
    for slow in ("decode_request", "decode_batch"):
        monkeypatch.setattr(f"vouchml.model.decoder.{slow}", None)  # calling it would fail

    request, batch = compiled.one(one), compiled.many(many)

    assert request.in_range
    assert np.array_equal(request.row, [1.5, np.nan, CATEGORIES.index("é"), 0.0], equal_nan=True)
    assert np.array_equal(batch.rows[:, 3], [0.0, np.nan], equal_nan=True)


def test_a_category_named_twice_is_refused() -> None:
    compiled = RequestDecoder(MIXED_CONTRACTS[0], max_rows=MAX_ROWS)
    text = json.dumps({"features": MIXED_ROW})
    for more in ('"rows": null', '"explain": "m"', '"gr\\u00f6\\u00dfe": 1'):
        with pytest.raises(VouchError, match="twice"):
            compiled.one(text.replace("}}", f", {more}}}}}").encode())


def test_a_category_and_a_null_lie_outside_of_no_range() -> None:
    ranges = Ranges(MIXED_CONTRACTS[0])

    assert ranges.outside(np.array([1.0, np.nan, 6.0, np.nan])) == ()
    assert ranges.outside(np.array([11.0, -2.0, 6.0, 0.0])) == ("mean radius", "größe")
    assert ranges.count_outside(np.array([[11.0, np.nan, 6.0, np.nan]])).tolist() == [1]
