"""Requests that are made to be misunderstood."""

from __future__ import annotations

import socket

import httpx
import pytest

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body", [b'{"\xa8":1}', b'{"request_id":"\xa8"}', b'{"features":{"mean \xff":1}}', b'{"rows":[{"\xa8":1}]}']
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/invocations"])
def test_text_that_is_not_utf_8_is_refused(shared_client: httpx.Client, path: str, body: bytes) -> None:
    assert shared_client.post(path, content=body, headers=JSON).status_code == 400


@pytest.mark.parametrize("name", ["Host", "Content-Type", "Content-Encoding"])
def test_a_header_that_may_stand_once_stands_once(shared_client: httpx.Client, name: str) -> None:
    url = shared_client.base_url
    twice = {"Host": ("evil.example", "127.0.0.1"), "Content-Type": ("text/plain", "application/json")}
    values = twice.get(name, ("gzip", "identity"))
    lines = {"Host": ["127.0.0.1"], "Content-Type": ["application/json"], "Content-Length": ["2"], name: list(values)}
    head = "".join(f"{each}: {value}\r\n" for each, found in lines.items() for value in found)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.sendall(f"POST /predict HTTP/1.1\r\n{head}\r\n{{}}".encode())
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "host", ["[::1]evil.example", "localhost.evil.example", "127.0.0.1@evil.example", "[evil.example]"]
)
def test_a_name_that_only_looks_like_this_machine_is_not(shared_client: httpx.Client, host: str) -> None:
    assert shared_client.get("/model-info", headers={"Host": host}).status_code == 401


@pytest.mark.parametrize("host", ["[::1]", "[::1]:8000", "localhost", "localhost:8000", "127.0.0.1:8000"])
def test_every_name_of_this_machine_is_one(shared_client: httpx.Client, host: str) -> None:
    assert shared_client.get("/model-info", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_a_call_that_a_proxy_passed_on_needs_a_key(shared_client: httpx.Client, header: str) -> None:
    assert shared_client.get("/model-info", headers={header: "for=192.0.2.1"}).status_code == 401
