"""Requests whose head is too long, goes on behind the body, or offers another protocol, at a real uvicorn."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from tests.serving.conftest import wait_until

from vouchml.serving.http_protocol import LONGEST_HEAD, HeadLimitedProtocol

POST = b"POST /there HTTP/1.1\r\nHost: here\r\n"
LENGTH = b"Content-Length: 4\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Echo:
    """An app that answers with what it was asked, and keeps the headers."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.seen.append((scope, body))
        answer = b"%b %b" % (scope["method"].encode(), body)
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Echo, int]]:
    with serving(idle_seconds=60) as served:
        yield served


@contextmanager
def serving(*, idle_seconds: int) -> Iterator[tuple[Echo, int]]:
    echo = Echo()
    config = uvicorn.Config(
        echo,
        port=0,
        http=HeadLimitedProtocol,
        log_level="error",
        ws="none",
        lifespan="off",
        timeout_keep_alive=idle_seconds,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield echo, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def echo(served: tuple[Echo, int]) -> Echo:
    served[0].seen.clear()
    return served[0]


def ask(served: tuple[Echo, int], *parts: bytes, answers: int = 1) -> bytes:
    """Send these, one after the other, and give what comes, up to so many answers or the end."""
    received = b""
    with socket.create_connection(("127.0.0.1", served[1]), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02 if len(parts) > 1 else 0)
        while received.count(b"HTTP/1.1 ") < answers or not received.partition(b"\r\n\r\n")[2]:
            if not (data := connection.recv(65536)):
                break
            received += data
    return received


def head_of(length: int) -> bytes:
    """A request whose URL and headers take exactly so many bytes, as the limit counts them."""
    fixed = len(b"/there") + len(b"Hosthere: \r\n") + len(b"Content-Length4: \r\n") + len(b"X: \r\n")
    return POST + LENGTH + b"X: " + b"a" * (length - fixed) + b"\r\n\r\nbody"


@pytest.mark.parametrize("pieces", [1, 3, 100])
def test_a_head_as_long_as_it_may_be_is_taken_and_a_byte_more_is_431(
    served: tuple[Echo, int], echo: Echo, pieces: int
) -> None:
    def cut(request: bytes) -> list[bytes]:
        size = -(-len(request) // pieces)
        return [request[start : start + size] for start in range(0, len(request), size)]

    taken = ask(served, *cut(head_of(LONGEST_HEAD)))
    refused = ask(served, *cut(head_of(LONGEST_HEAD + 1)))

    assert taken.endswith(b"POST body")
    assert refused.startswith(b"HTTP/1.1 431 ")
    assert b"\r\nconnection: close\r\n" in refused
    assert b'"code":"headers-too-large"' in refused
    assert len(echo.seen) == 1


@pytest.mark.parametrize(
    "request_begun",
    [
        b"GET /" + b"a" * 10**6,
        POST + b"X: " + b"a" * 10**6,
        POST + b"a" * 10**6,
        POST + b"a: b\r\n" * 10**5,
    ],
    ids=["url", "value", "name", "many"],
)
def test_a_head_that_does_not_end_is_431(served: tuple[Echo, int], echo: Echo, request_begun: bytes) -> None:
    assert ask(served, request_begun).startswith(b"HTTP/1.1 431 ")
    assert echo.seen == []


def test_many_requests_at_once_are_no_long_head(served: tuple[Echo, int], echo: Echo) -> None:
    request = POST + LENGTH + b"\r\nbody"
    count = 3 * LONGEST_HEAD // len(request)

    received = ask(served, request * count, answers=count)

    assert received.count(b"HTTP/1.1 200 ") == count
    assert len(echo.seen) == count


@pytest.mark.parametrize("length", [100, 10**6])
def test_a_body_has_no_limit_here(served: tuple[Echo, int], echo: Echo, length: int) -> None:
    body = b"b" * length
    ask(served, POST + b"Content-Length: %d\r\n\r\n" % length + body)
    ask(served, POST + CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (length, body))

    assert [found for _, found in echo.seen] == [body, body]


@pytest.mark.parametrize("apart", [False, True])
def test_trailers_are_no_headers(served: tuple[Echo, int], echo: Echo, apart: bool) -> None:
    parts = [POST + CHUNKED + b"\r\n", b"4\r\nbody\r\n0\r\n", b"X-API-Key: secret\r\nContent-Type: text/csv\r\n\r\n"]

    received = ask(served, *(parts if apart else [b"".join(parts)]))

    assert received.endswith(b"POST body")
    ((scope, body),) = echo.seen
    assert body == b"body"
    assert dict(scope["headers"]) == {b"host": b"here", b"transfer-encoding": b"chunked"}


def test_trailers_that_do_not_end_end_the_connection(served: tuple[Echo, int], echo: Echo) -> None:
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        ask(served, POST + CHUNKED + b"\r\n4\r\nbody\r\n0\r\n", *([b"a: b\r\n" * 3000] * 100))


@pytest.mark.parametrize("body", [LENGTH + b"\r\nbody", CHUNKED + b"\r\n4\r\nbody\r\n0\r\n\r\n"])
@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"TLS/1.0, h2c"])
def test_an_offer_of_another_protocol_costs_no_body(
    served: tuple[Echo, int], echo: Echo, offer: bytes, body: bytes
) -> None:
    offered = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAMAAABk\r\n" % offer
    request = POST + offered + body

    received = ask(served, request * 300 + POST + LENGTH + b"\r\nlast", answers=301)

    assert received.count(b"POST body") == 300
    assert received.endswith(b"POST last")
    assert all(b"upgrade" not in dict(scope["headers"]) for scope, _ in echo.seen)


def test_an_offer_whose_body_comes_later_is_answered(served: tuple[Echo, int], echo: Echo) -> None:
    offered = POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + LENGTH

    assert ask(served, offered, b"\r\n", b"bo", b"dy").endswith(b"POST body")


def test_what_is_no_http_is_400(served: tuple[Echo, int]) -> None:
    assert ask(served, b"\0\0\0\0\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_connection_is_ended_when_it_has_been_idle_since_the_last_answer() -> None:
    request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    with serving(idle_seconds=3) as (_, port), socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for _ in range(2):
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            answered = time.monotonic()
            time.sleep(1.6)
        assert connection.recv(65536) == b""
        assert time.monotonic() - answered >= 2.5  # three seconds, which began before the answer was here
