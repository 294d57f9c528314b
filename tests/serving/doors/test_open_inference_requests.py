"""What `/v2` takes and what it refuses, in JSON and in binary, by the words of the protocol."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest
from tests.serving.doors.inference_bodies import INFER, MODEL, asked, refusal


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "must be an inference request with 'inputs'"),
        ({}, "missing: inputs"),
        ({"inputs": {}}, "must be an array of tensors"),
        ({"inputs": [1]}, "must be an array of tensors"),
        ({"inputs": []}, "30 missing"),
        ({"inputs": [{}]}, "a name each"),
        ({"inputs": [{"name": ["features"]}]}, "a name each"),
        ({**asked(), "model_version": "1"}, "extra: model_version"),
        ({**asked(), "model_name": "another"}, "must be the model that the address names"),
        ({**asked(), "id": ""}, "must be a string of 1 to 128"),
        ({**asked(), "id": 0}, "must be a string of 1 to 128"),
        ({**asked(), "id": "a\r\nb"}, "must be a string of 1 to 128"),
        ({**asked(), "parameters": 0}, "must have an object as its parameters"),
        ({**asked(), "parameters": {"binary_data_output": 1}}, "must have true or false"),
        ({**asked(), "outputs": 0}, "must be an array of outputs"),
        ({**asked(), "outputs": [0]}, "must be an array of outputs"),
        ({**asked(), "outputs": [{"name": "label"}]}, "may name probability_positive_class, prediction"),
        ({**asked(), "outputs": [{"name": {}}]}, "may name probability_positive_class, prediction"),
        ({**asked(), "outputs": [{"name": "prediction"}] * 2}, "each once"),
        ({**asked(), "outputs": [{"name": "prediction", "shape": [1]}]}, "and nothing else"),
        ({**asked(), "outputs": [{"name": "prediction", "parameters": 1}]}, "an object as its parameters"),
        ({**asked(), "outputs": [{"name": "prediction", "parameters": {"classification": 1}}]}, "does not know"),
        ({**asked(), "outputs": [{"name": "prediction", "parameters": {"binary_data": "no"}}]}, "true or false"),
        (asked(name="other"), "extra: other"),
        (asked(name="mean radius"), "29 missing"),
        (asked(color="red"), "must have a name, a shape"),
        (asked(shape=[30]), "must have the shape [rows, 30]"),
        (asked(shape=[30, 1]), "must have the shape [rows, 30]"),
        (asked(shape=[1, 1, 30]), "a shape of one or two dimensions"),
        (asked(shape=[-1, 30]), "a shape of one or two dimensions"),
        (asked(shape=[2, 30]), "has not as many data"),
        (asked(shape=[0, 30], data=[]), "1 to 20000 rows"),
        (asked(data=[[1.0] * 15, [1.0] * 15]), "nested in another way"),
        (asked(data=None), "has not as many data"),
        (asked(data=["8675309.4242", *[1.0] * 29]), "must be a number, not a string"),
        (asked(data=[True, *[1.0] * 29]), "must be a number, not a boolean"),
        (asked(data=[None, *[1.0] * 29]), "must be a number, not null"),
        (asked(data=[2**53 + 1, *[1.0] * 29]), "an integer that a 64-bit float cannot hold"),
        (asked(datatype="INT64", data=[2**53 + 1, *[1] * 29]), "an integer that a 64-bit float cannot hold"),
        (asked(datatype="INT32", data=[3_000_000_000, *[1] * 29]), "holds numbers that INT32 does not"),
        (asked(datatype="FP32", data=[0.1] * 30), "send them as FP64"),
        (asked(datatype="FP16"), "must have one of the datatypes"),
        (asked(datatype="BOOL", data=[True] * 30), "must have one of the datatypes"),
        (asked(datatype="BYTES", data=["1"] * 30), "must have one of the datatypes"),
        (asked(datatype=["FP64"]), "must have one of the datatypes"),
        (asked(parameters={"shared_memory_region": "a"}), "does not know"),
        (asked(parameters={"binary_data_size": 240}), "has a binary_data_size that does not fit"),
        (asked(parameters=[]), "an object as its parameters"),
        ({"inputs": [*asked()["inputs"], *asked()["inputs"]]}, "'features' is given twice"),
        ({"inputs": [*asked()["inputs"], *asked(name="mean radius")["inputs"]]}, "extra: features"),
    ],
)
def test_a_request_that_is_not_as_the_protocol_or_the_contract_has_it_is_refused(
    shared_client: httpx.Client, body: Any, said: str
) -> None:
    assert said in refusal(shared_client.post(INFER, json=body), 400)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"inputs": [], "inputs": []}', "names a key twice"),
        (json.dumps(asked()).replace("1.0", "NaN").encode(), "not NaN or Infinity"),
        (json.dumps(asked()).replace("1.0", "-Infinity").encode(), "not NaN or Infinity"),
        (json.dumps(asked()).replace("1.0", "1e999").encode(), "finite"),
        (json.dumps(asked()).replace("1.0", "1" + "0" * 400).encode(), "finite"),
    ],
)
def test_a_body_that_is_not_strict_json_is_refused(shared_client: httpx.Client, body: bytes, said: str) -> None:
    reply = shared_client.post(INFER, content=body, headers={"Content-Type": "application/json"})

    assert said in refusal(reply, 400)


@pytest.mark.parametrize(
    "extra",
    [
        {"parameters": {"priority": 1, "timeout": 1000, "content_type": "np"}},
        {"parameters": None, "outputs": None},
        {"outputs": []},
        {"model_name": MODEL},
    ],
)
def test_hints_and_nothings_are_passed_over(shared_client: httpx.Client, extra: dict[str, Any]) -> None:
    reply = shared_client.post(INFER, json={**asked(), **extra})

    assert len(reply.json()["outputs"]) == 3


def binary(tail: bytes, **changes: Any) -> tuple[bytes, int]:
    """A request for one row whose numbers are `tail`, and the length of its JSON."""
    tensor = {"name": "features", "shape": [1, 30], "datatype": "FP64", "parameters": {"binary_data_size": 240}}
    text = json.dumps({"inputs": [{**tensor, **changes}]}).encode()
    return text + tail, len(text)


ROW = np.ones(30).tobytes()


def post_binary(client: httpx.Client, sent: tuple[bytes, object], **headers: str) -> httpx.Response:
    body, length = sent
    return client.post(INFER, content=body, headers={"Inference-Header-Content-Length": str(length), **headers})


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "application/json"])
def test_binary_bodies_may_be_declared_or_not(shared_client: httpx.Client, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    assert post_binary(shared_client, binary(ROW), **headers).status_code == 200


@pytest.mark.parametrize("length", ["", "-1", "+1", "1.0", "0x10", "9" * 30, "10000", "a"])
def test_a_length_of_the_json_that_is_none_is_refused(shared_client: httpx.Client, length: str) -> None:
    reply = post_binary(shared_client, (binary(ROW)[0], length))

    assert "Inference-Header-Content-Length" in refusal(reply, 400)


@pytest.mark.parametrize("off", [-5, 5])
def test_a_length_of_the_json_that_is_wrong_is_refused(shared_client: httpx.Client, off: int) -> None:
    body, length = binary(ROW)

    refusal(post_binary(shared_client, (body, length + off)), 400)


@pytest.mark.parametrize(
    ("tail", "changes", "said"),
    [
        (ROW[:-1], {}, "has a binary_data_size that does not fit the body"),
        (b"", {}, "has a binary_data_size that does not fit the body"),
        (ROW + b"\0", {}, "more binary data behind the JSON"),
        (ROW, {"parameters": {"binary_data_size": 232}}, "has not as many bytes"),
        (ROW, {"parameters": {"binary_data_size": -240}}, "has a binary_data_size"),
        (ROW, {"parameters": {"binary_data_size": "240"}}, "has a binary_data_size"),
        (ROW, {"parameters": {"binary_data_size": True}}, "has a binary_data_size"),
        (ROW, {"data": [1.0] * 30}, "has a binary_data_size"),
        (ROW, {"parameters": {}}, "has not as many data"),
        (ROW, {"datatype": "FP32"}, "has not as many bytes"),
        (np.full(30, np.nan).tobytes(), {}, "not finite"),
        (np.full(30, -np.inf).tobytes(), {}, "not finite"),
        (np.full(30, 2**53 + 1).tobytes(), {"datatype": "INT64"}, "an integer that a 64-bit float cannot hold"),
        (np.ones(30, "f2").tobytes(), {"datatype": "FP16", "parameters": {"binary_data_size": 60}}, "datatypes"),
        (np.ones(30, "?").tobytes(), {"datatype": "BOOL", "parameters": {"binary_data_size": 30}}, "datatypes"),
        (b"\x01\0\0\0a" * 30, {"datatype": "BYTES", "parameters": {"binary_data_size": 150}}, "datatypes"),
    ],
)
def test_binary_data_that_are_not_what_the_json_says_are_refused(
    shared_client: httpx.Client, tail: bytes, changes: dict[str, Any], said: str
) -> None:
    assert said in refusal(post_binary(shared_client, binary(tail, **changes)), 400)


def test_a_body_of_another_type_or_compressed_is_refused(shared_client: httpx.Client) -> None:
    text = json.dumps(asked())
    for content_type in ("text/plain", "application/octet-stream", "application/json; charset=latin-1"):
        refusal(shared_client.post(INFER, content=text, headers={"Content-Type": content_type}), 415)
    refusal(post_binary(shared_client, binary(ROW), **{"Content-Type": "text/plain"}), 415)
    refusal(post_binary(shared_client, binary(ROW), **{"Content-Encoding": "gzip"}), 415)
    refusal(shared_client.post(INFER, content=text, headers={"Content-Encoding": "gzip"}), 415)


def test_a_body_without_a_type_is_taken_from_a_program_and_not_from_a_page(shared_client: httpx.Client) -> None:
    text = json.dumps(asked())

    assert shared_client.post(INFER, content=text).status_code == 200
    refusal(shared_client.post(INFER, content=text, headers={"Origin": "http://example.org"}), 415)
    refusal(post_binary(shared_client, binary(ROW), Origin="http://example.org"), 415)
