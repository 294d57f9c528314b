"""Long bodies of many callers at once: a worker holds so many bytes of them, and tells others to come again."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from vouchml.serving.app import create_app
from vouchml.serving.following.watcher import Watcher
from vouchml.settings import ServingSettings

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Project, Serve

MIB = 1024 * 1024
INFER = "/v2/models/breast_cancer_classifier/infer"
DOORS = ("/predict/batch", "/invocations", INFER, f"{INFER.removesuffix('/infer')}/versions/1/infer")


@pytest.fixture
def client(served_project: Project, serve: Serve, eventually: Eventually) -> Iterator[httpx.Client]:
    """A service that holds one MiB of long bodies, and takes bodies of four when it holds no other."""
    served_project.promote("1")
    Watcher(served_project.settings).poll()
    serving = ServingSettings(max_bytes_in_flight=MIB, max_batch_bytes=4 * MIB, body_seconds=20)
    with serve(create_app(served_project.settings.model_copy(update={"serving": serving}))) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        yield client


@contextmanager
def sending(client: httpx.Client, path: str, *, declared: int | None, sent: int) -> Iterator[socket.socket]:
    """A caller who has sent a part of a body, of a length that it `declared` or in chunks."""
    length = f"Content-Length: {declared}" if declared is not None else "Transfer-Encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    part = b" " * sent if declared is not None else b"%x\r\n%b\r\n" % (sent, b" " * sent)
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=30) as connection:
        connection.sendall(head.encode() + part)
        yield connection


def answer(connection: socket.socket) -> bytes:
    """What comes until the service ends the connection."""
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


def long_body(client: httpx.Client, size: int, path: str = "/predict/batch") -> httpx.Response:
    return client.post(path, content=b" " * size, headers={"Content-Type": "application/json"})


def holds_most_of_it(client: httpx.Client) -> bool:
    """Whether there is no room for half a MiB more: asked without sending a byte of it, which would take some."""
    with sending(client, "/predict/batch", declared=MIB // 2, sent=0) as connection:
        connection.settimeout(1)
        try:
            return connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        except TimeoutError:
            return False


def takes_what_is_more_than_it_may_hold(client: httpx.Client) -> bool:
    """Whether the service holds nothing: only then it takes a body that alone is more than all together."""
    return long_body(client, 2 * MIB).status_code == 400  # it is no JSON


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("path", DOORS)
def test_a_body_that_would_be_too_much_with_those_of_others_gets_503_and_the_others_go_on(
    client: httpx.Client, eventually: Eventually, path: str, declared: bool
) -> None:
    size = MIB * 9 // 10
    with sending(client, "/predict/batch", declared=MIB, sent=size) as first:
        eventually(lambda: holds_most_of_it(client))
        with sending(client, path, declared=MIB if declared else None, sent=MIB // 2) as second:
            refused = answer(second)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in refused
        assert b"\r\nconnection: close\r\n" in refused
        assert b"as many bytes of long bodies as it takes" in refused

        first.sendall(b" " * (MIB - size))
        assert first.recv(65_536).startswith(b"HTTP/1.1 400 ")
    assert takes_what_is_more_than_it_may_hold(client)


def test_short_bodies_are_answered_all_the_while(
    client: httpx.Client, eventually: Eventually, features: dict[str, float]
) -> None:
    with sending(client, "/predict/batch", declared=MIB, sent=MIB * 9 // 10):
        eventually(lambda: holds_most_of_it(client))
        assert client.post("/predict", json={"features": features}).status_code == 200
        in_pieces = iter([b" ", json.dumps({"features": features}).encode(), b" "])
        headers = {"Content-Type": "application/json"}
        assert client.post("/predict", content=in_pieces, headers=headers).status_code == 200


def test_whoever_hangs_up_or_sends_too_much_holds_nothing_any_more(
    client: httpx.Client, eventually: Eventually
) -> None:
    with sending(client, "/predict/batch", declared=MIB, sent=MIB // 2):
        pass
    eventually(lambda: takes_what_is_more_than_it_may_hold(client))
    with sending(client, "/invocations", declared=None, sent=5 * MIB) as connection:
        assert answer(connection).startswith(b"HTTP/1.1 413 ")
    eventually(lambda: takes_what_is_more_than_it_may_hold(client))


def test_a_refused_body_holds_nothing_any_more(client: httpx.Client, eventually: Eventually) -> None:
    with sending(client, "/predict/batch", declared=MIB, sent=MIB * 9 // 10):
        eventually(lambda: holds_most_of_it(client))
        for _ in range(20):
            assert long_body(client, MIB // 2).status_code == 503
        assert holds_most_of_it(client)
    eventually(lambda: takes_what_is_more_than_it_may_hold(client))
