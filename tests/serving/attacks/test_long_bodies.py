"""Long bodies that are made to keep a worker busy: read no further than a request can need, and refused.

What each would be refused for at its end, where it is no JSON any more, shows how far it was read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.model.small_bundle import small_contract

from vouchml.errors import BodyMalformed, ContractBreach, VouchError
from vouchml.model.decoder import RequestDecoder
from vouchml.model.request import BREACHES_LISTED
from vouchml.serving.doors.mlflow_tables import TableRules, from_csv, from_json
from vouchml.serving.doors.open_inference_request import decode_inference_request

CONTRACT = small_contract(3)
ROWS = 100
MANY = 40_000
RULES = TableRules(CONTRACT, max_rows=ROWS)
DECODER = RequestDecoder(CONTRACT, max_rows=ROWS)
KEYS = b",".join(b'"%d":0' % number for number in range(MANY))
NO_JSON = b" and no JSON"


def batch(body: bytes) -> Any:
    return DECODER.many(body)


def one(body: bytes) -> Any:
    return DECODER.one(body)


def mlflow(body: bytes) -> Any:
    return from_json(body, RULES)


def inference(body: bytes) -> Any:
    return decode_inference_request(body, None, CONTRACT, model="m", max_rows=ROWS)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (batch, b'{"rows":[' + b"[]," * MANY),
        (batch, b'{"rows":[' + b"{}," * MANY),
        (batch, b'{"rows":[' + b'{"a":[[]]},' * MANY),
        (batch, b'{"rows":[' + b"0," * MANY),
        (batch, b'{"rows":[{' + KEYS),
        (batch, b"{" + KEYS),
        (one, b'{"features":{' + KEYS),
        (one, b'{"features":[' + b"[]," * MANY),
        (mlflow, b'{"dataframe_split":{"columns":["a"],"data":[' + b"[]," * MANY),
        (mlflow, b'{"dataframe_split":{"columns":["a"],"data":[[' + b"0," * MANY),
        (mlflow, b'{"dataframe_split":{"columns":[' + b'"",' * MANY),
        (mlflow, b'{"dataframe_records":[' + b"{}," * MANY),
        (mlflow, b'{"inputs":{"a":[' + b"[1]," * MANY),
        (mlflow, b'{"inputs":{' + KEYS),
        (inference, b'{"inputs":[' + b"{}," * MANY),
        (inference, b'{"inputs":[{"name":"features","data":[' + b"0," * MANY),
    ],
)
def test_a_body_with_more_than_a_request_needs_is_not_read_to_its_end(
    read: Callable[[bytes], Any], body: bytes
) -> None:
    with pytest.raises(ContractBreach):
        read(body + NO_JSON)


@pytest.mark.parametrize(
    "body",
    [
        b"a" + b"," * MANY + b"\n1\n",
        b'"a\n' + b'","' * MANY + b"\n1\n",
        b"a,b\n" + b"," * MANY,
        b",".join(b"c%d" % number for number in range(MANY)) + b"\n1\n",
    ],
)
def test_a_line_of_csv_with_more_cells_than_a_row_needs_is_refused(body: bytes) -> None:
    with pytest.raises(VouchError, match="more than 10003 c"):
        from_csv(body, RULES)


def test_a_body_that_is_nested_without_end_is_refused() -> None:
    for read in (batch, mlflow, inference):
        with pytest.raises(BodyMalformed):
            read(b'{"rows":' + b"[" * 200_000)


def test_columns_beyond_all_measure_are_refused_before_they_are_compared() -> None:
    columns = b",".join(b'"%d"' % number for number in range(12_000))
    with pytest.raises(ContractBreach, match="more than 10003 columns"):
        from_json(
            b'{"dataframe_split":{"columns":[' + columns + b'],"data":[[1]]}}', TableRules(CONTRACT, max_rows=100_000)
        )


def test_of_rows_that_do_not_fit_the_first_are_named() -> None:
    rows, names = b",".join([b"[]"] * ROWS), b'","'.join(map(str.encode, CONTRACT.feature_names))
    for read, body in (
        (batch, b'{"rows":[%b]}' % rows),
        (mlflow, b'{"dataframe_split":{"columns":["%b"],"data":[%b]}}' % (names, rows)),
    ):
        with pytest.raises(ContractBreach) as refused:
            read(body)
        assert len(refused.value.invalid) == BREACHES_LISTED
        assert "51 invalid" in refused.value.message


@pytest.mark.parametrize("path", ["/predict/batch", "/invocations", "/predict"])
def test_a_service_refuses_them_in_its_own_words(shared_client: httpx.Client, path: str) -> None:
    sizes = {"/predict": 2**20, "/predict/batch": 2**22, "/invocations": 2**22}
    body = b'{"rows":[' + b"[]," * (sizes[path] // 3 - 10) + b"[]]}"

    reply = shared_client.post(path, content=body, headers={"Content-Type": "application/json"})

    assert reply.status_code == (400 if path == "/invocations" else 422)
    assert len(reply.content) < 1000
