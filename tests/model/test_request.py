"""What a request body may be: every finite row comes through bit for bit, and nothing else comes through at all."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vouchml.errors import BodyMalformed, ContractBreach, VouchError
from vouchml.model import Contract, decode_request

MakeContract = Callable[..., Contract]

# Sent, and never to be seen again.
NUMBER, TEXT = "8675309.4242", "seekrit"

ODD_NAMES = (
    "mean radius",
    'size "in" cm, \\ or not',
    "größe",
    "gro\u0308ße",  # the same to the eye as the one above, not to the contract
    "測量 😀",
    "a\tb\nc",
    "",
    "features",
    "request_id",
    "__proto__",
    "x" * 500,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
rows = st.dictionaries(st.text(), finite, min_size=1, max_size=8)


def spelled(name: str, random: Random) -> str:
    """A JSON string, as it is, in ASCII, or all in escapes."""
    if random.random() < 0.3:
        units = name.encode("utf-16-be").hex()
        return '"' + "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)) + '"'
    return json.dumps(name, ensure_ascii=random.random() < 0.5)


def in_digits(value: float, random: Random) -> str:
    """A JSON number that is exactly `value`."""
    if value.is_integer() and 0 < abs(value) < 2**53 and random.random() < 0.5:
        return str(int(value))
    spellings = [json.dumps(value), f"{value:.17e}", f"{value:.18E}"]
    return spellings[random.randrange(3)]


def body_of(features: Sequence[tuple[str, str]], random: Random) -> bytes:
    """`{"features": {…}}` of JSON texts, with white space wherever JSON lets it stand."""
    tokens = ["{", '"features"', ":", "{"]
    for name, value in features:
        tokens += [name, ":", value, ","]
    tokens[-1:] = ["}", "}"] if features else ["{", "}", "}"]
    return "".join(token + "".join(random.choices(" \t\r\n", k=random.randrange(3))) for token in tokens).encode()


def error_of(body: bytes | str, contract: Contract, kind: type[VouchError]) -> Any:
    with pytest.raises(kind) as caught:
        decode_request(body.encode() if isinstance(body, str) else body, contract)
    return caught.value


@given(rows, st.randoms(use_true_random=False))
def test_every_finite_row_comes_through_to_the_last_bit_in_the_order_of_the_contract(
    make_contract: MakeContract, row: dict[str, float], random: Random
) -> None:
    sent = [(spelled(name, random), in_digits(value, random)) for name, value in row.items()]
    random.shuffle(sent)
    decoded = decode_request(body_of(sent, random), make_contract(*row))
    assert decoded.row.dtype == np.float64
    assert decoded.row.tobytes() == np.array(list(row.values()), dtype=np.float64).tobytes()
    assert decoded.request_id is None


@given(st.permutations(ODD_NAMES), st.randoms(use_true_random=False))
def test_odd_names_are_names(make_contract: MakeContract, names: list[str], random: Random) -> None:
    sent = [(spelled(name, random), str(position)) for position, name in enumerate(names)]
    random.shuffle(sent)
    decoded = decode_request(body_of(sent, random), make_contract(*names))
    assert decoded.row.ravel().tolist() == list(range(len(names)))


def test_a_name_composed_otherwise_is_another_name(make_contract: MakeContract) -> None:
    error = error_of(json.dumps({"features": {"gro\u0308ße": 1}}), make_contract("gr\u00f6ße"), ContractBreach)
    assert (error.missing, error.extra) == (("gr\u00f6ße",), ("gro\u0308ße",))


@given(st.integers(-(10**320), 10**320) | st.integers(-(2**70), 2**70))
@example(2**53 + 1)
@example(-(2**53) - 1)
@example(2**64 - 1)
@example(10**22)
@example(10**23)
def test_an_integer_is_taken_only_if_float64_holds_it(make_contract: MakeContract, integer: int) -> None:
    body = f'{{"features": {{"age": {integer}}}}}'
    try:
        exact = int(float(integer)) == integer
    except OverflowError:
        exact = False
    if exact:
        assert int(decode_request(body.encode(), make_contract("age")).row.ravel()[0]) == integer
    else:
        (entry,) = error_of(body, make_contract("age"), ContractBreach).invalid
        assert entry.feature == "age"
        assert "64-bit float" in entry.problem or "finite" in entry.problem


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("NaN", "NaN or Infinity"),
        ("Infinity", "NaN or Infinity"),
        ("-Infinity", "NaN or Infinity"),
        ("1e999", "finite"),
        ("-1e999", "finite"),
        ("true", "boolean"),
        ("false", "boolean"),
        ("null", "null"),
        ('"1.5"', "string"),
        ('""', "string"),
        ("[1.5]", "array"),
        ("[]", "array"),
        ('{"age": 1.5}', "object"),
        ("{}", "object"),
    ],
)
@given(place=st.integers(0, 2), random=st.randoms(use_true_random=False))
def test_what_is_no_finite_number_is_refused_by_the_name_of_its_feature(
    make_contract: MakeContract, value: str, problem: str, place: int, random: Random
) -> None:
    names = ["age", "dose", "größe"]
    sent = [(json.dumps(name), value if position == place else "1.5") for position, name in enumerate(names)]
    random.shuffle(sent)
    error = error_of(body_of(sent, random), make_contract(*names), ContractBreach)
    (entry,) = error.invalid
    assert (entry.feature, error.missing, error.extra) == (names[place], (), ())
    assert problem in entry.problem


@pytest.mark.parametrize("value", ["01", "+1", ".5", "1.", "0x10", "1_000", "1e", "--1", "nan", "inf", "1,5", "\u0661"])
def test_what_is_no_json_number_is_no_json(make_contract: MakeContract, value: str) -> None:
    error_of(f'{{"features": {{"age": {value}}}}}', make_contract("age"), BodyMalformed)


@given(
    st.lists(st.text(max_size=20), unique=True, min_size=1, max_size=10),
    st.lists(st.text(max_size=20), unique=True, max_size=10),
)
def test_what_is_missing_and_what_is_extra_are_both_listed(
    make_contract: MakeContract, wanted: list[str], sent: list[str]
) -> None:
    body = json.dumps({"features": dict.fromkeys(sent, 1.0)}).encode()
    missing = tuple(name for name in wanted if name not in sent)
    extra = tuple(name for name in sent if name not in wanted)
    if missing or extra:
        error = error_of(body, make_contract(*wanted), ContractBreach)
        assert (error.missing, error.extra, error.invalid) == (missing, extra, ())
    else:
        assert decode_request(body, make_contract(*wanted)).row.size == len(wanted)


wrappers: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [
        lambda inner: f"[{inner}]",
        lambda inner: f'[1, {inner}, "x"]',
        lambda inner: f'{{"features": {inner}}}',
        lambda inner: f'{{"features": {{"age": {inner}}}}}',
        lambda inner: f'{{"features": {{"age": 1.5}}, "request_id": {inner}}}',
        lambda inner: f'{{"unknown": {inner}, "features": {{"age": 1.5}}}}',
    ]
)


@given(st.text(), st.lists(wrappers, max_size=4), st.randoms(use_true_random=False))
@example("age", [], None)
def test_a_key_that_is_named_twice_is_refused_wherever_it_stands_and_however_it_is_spelled(
    make_contract: MakeContract, tail: str, around: list[Callable[[str], str]], random: Random | None
) -> None:
    key = TEXT + tail
    first, second = (spelled(key, random), spelled(key, random)) if random else (json.dumps(key),) * 2
    body = f'{{{first}: 1.5, "between": 2, {second}: 1.5}}'
    for wrap in around:
        body = wrap(body)
    error = error_of(body, make_contract("age"), BodyMalformed)
    assert "twice" in error.message
    assert TEXT not in error.diagnostics()


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"features": {"age": 1.5, "age": 1.5}}', "age"),
        ('{"features": {"age": 1.5, "\\u0061ge": 1.5}}', "age"),
        ('{"features": {"age": 1.5}, "features": {"age": 1.5}}', "features"),
        ('{"request_id": "a", "features": {"age": 1.5}, "request_id": "a"}', "request_id"),
    ],
)
def test_a_known_key_that_is_named_twice_is_named(make_contract: MakeContract, body: str, key: str) -> None:
    assert f"'{key}'" in error_of(body, make_contract("age"), BodyMalformed).message


@pytest.mark.parametrize("identity", ["a", "A-z0:9._", "x" * 128])
def test_a_request_id_comes_through(make_contract: MakeContract, identity: str) -> None:
    body = json.dumps({"request_id": identity, "features": {"age": 1}}).encode()
    assert decode_request(body, make_contract("age")).request_id == identity


cells = st.sampled_from(
    [
        NUMBER,
        f"-{NUMBER}e300",
        f'"{TEXT} "',
        f"[{NUMBER}]",
        f'{{"age": {NUMBER}}}',
        f'"{TEXT} \\ud800"',
        "1" + "0" * 310,
    ]
)


@st.composite
def bad_bodies(draw: st.DrawFn) -> str:
    """Bodies that are refused, each with something in it that must not be shown."""
    cell = draw(cells)
    return draw(
        st.sampled_from(
            [
                cell,
                f'{{"features": {cell}}}',
                f'{{"features": {{"age": "{TEXT}", "dose": {cell}}}}}',
                f'{{"features": {{"age": {cell}, "doze": {cell}}}}}',
                f'{{"features": {{"age": {cell}}}}}',
                f'{{"features": {{"age": 1, "dose": 2}}, "request_id": {cell}}}',
                f'{{"features": {{"age": 1, "dose": 2}}, "request_id": "{TEXT} {NUMBER}"}}',
                f'{{"features": {{"age": 1, "dose": 2}}, "else": {cell}}}',
                f'{{"features": {{"age": {cell}, "dose": {cell}}}}} {cell}',
                f'{{"features": {{"age": {cell}, "age": {cell}}}}}',
                f'{{"features": {{"age": {cell} "dose": {cell}}}}}',
                f'{{"features": {{"age": {NUMBER}{TEXT}}}}}',
                f"{{'{TEXT}': {NUMBER}}}",
                f'{{"features": {{"age": "{TEXT}',
            ]
        )
    )


@given(bad_bodies(), st.integers(0, 40))
def test_no_error_repeats_a_value_that_was_sent(make_contract: MakeContract, body: str, cut: int) -> None:
    contract = make_contract("age", "dose")
    for sent in (body.encode(), body.encode()[: -cut or None], body.encode("utf-16")):
        try:
            decode_request(sent, contract)
        except VouchError as caught:
            error = caught
        else:
            assert len(sent) < len(body.encode())  # what was cut off was all that was wrong with it
            continue
        listed = [getattr(error, name, ()) for name in ("missing", "extra", "invalid")]
        shown = "".join([error.diagnostics(), repr(error), repr(listed), *traceback.format_exception(error)])
        assert TEXT not in shown
        assert NUMBER.partition(".")[0] not in shown
        assert "0" * 20 not in shown


@pytest.mark.parametrize("body", [b"", b" ", b"\xef\xbb\xbf{}", b"{}{}", b"[" * 100_000, b"9" * 5000, b'"\xff"'])
def test_what_is_not_one_json_document_is_malformed(make_contract: MakeContract, body: bytes) -> None:
    error = error_of(body, make_contract("age"), BodyMalformed)
    assert "\n" not in error.message
    assert error.remedy


def test_a_body_of_many_unknown_names_lists_the_first_of_them_and_cuts_them_short(make_contract: MakeContract) -> None:
    body = json.dumps({"features": {f"{number:03}" + "x" * 200: 1 for number in range(400)}})
    error = error_of(body, make_contract("age"), ContractBreach)
    assert error.missing == ("age",)
    assert len(error.extra) == 51
    assert error.extra[0] == "000" + "x" * 77
    assert error.extra[-1] == "and 350 more"
    assert math.isclose(len(error.message), 80, abs_tol=60)
