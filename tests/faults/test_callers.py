"""Callers who are slow, silent, too many, gone, or send without end: they are told or left, and the others served."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from tests.faults.conftest import Start
from tests.faults.services import Service, memory, open_files
from tests.faults.steady_load import SteadyLoad
from tests.serving.conftest import Project, watched_elsewhere

from vouchml.serving.following.state import StateFile

GIBIBYTE = 1024**3
IDLE_CONNECTIONS = 10_000
MANY = 20_000
V2 = ("/infer", "/versions/1/infer")
HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture(autouse=True)
def _watched_elsewhere(project: Project) -> Iterator[None]:
    """What callers do is no matter of the watcher: nothing is followed here."""
    file = StateFile(project.settings)
    assert file.path.exists()
    with watched_elsewhere(file):
        yield


@contextmanager
def connected(service: Service) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Whatever comes until the other side ends the connection: its status, and all of it."""
    received = rest(connection)
    return (int(received[9:12]) if received else 0), received


def rest(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


def body_of(features: dict[str, float]) -> bytes:
    return json.dumps({"features": features}).encode()


def test_headers_and_then_nothing_get_408_and_the_connection_ends(start: Start, features: dict[str, float]) -> None:
    service = start(body_seconds=1)
    with connected(service) as connection:
        began = time.monotonic()
        connection.sendall(HEAD + b"Content-Length: 500\r\n\r\n")
        status, reply = answer(connection)
        taken = time.monotonic() - began

    assert status == 408
    assert b"body-too-slow" in reply
    assert b"\r\nconnection: close\r\n" in reply
    assert 1 <= taken < 15
    assert service.predict(features).status_code == 200


def test_a_body_that_trickles_gets_408_at_every_door(start: Start, features: dict[str, float]) -> None:
    service = start(body_seconds=1)
    paths = ["/predict", "/predict/batch", "/invocations", *(f"/v2/models/{service.project.name}{rest}" for rest in V2)]
    with ExitStack() as held:
        connections = [held.enter_context(connected(service)) for _ in paths]
        for path, connection in zip(paths, connections, strict=True):
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n".encode())
            connection.sendall(b"Content-Type: application/json\r\n\r\n")
        for _ in range(30):
            for connection in connections:
                with suppress(OSError):
                    connection.sendall(b" ")
            time.sleep(0.1)
        replies = {path: answer(connection)[0] for path, connection in zip(paths, connections, strict=True)}

    assert replies == dict.fromkeys(paths, 408)
    assert service.predict(features).status_code == 200


def test_a_request_that_does_not_come_ends_its_connection_and_others_are_served(
    start: Start, features: dict[str, float]
) -> None:
    service = start(body_seconds=1)
    with ExitStack() as held, SteadyLoad(service.port, features, callers=2) as load:
        connections = [held.enter_context(connected(service)) for _ in range(4)]
        for connection, begun in zip(connections, (b"", b"POST /predict HTT", HEAD, HEAD), strict=True):
            connection.sendall(begun)
        began = time.monotonic()
        with suppress(OSError):
            for _ in range(100):  # headers that trickle
                connections[3].sendall(b"a: b\r\n")
                time.sleep(0.1)
        ended = time.monotonic() - began
        answers = [answer(connection) for connection in connections]

    assert answers == [(0, b"")] * 4
    assert ended < 9
    assert load.outcome.statuses == {200}
    assert load.outcome.lost == []


def test_a_connection_between_two_requests_is_kept(start: Start, features: dict[str, float]) -> None:
    service = start(body_seconds=0.5)
    connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
    for _ in range(2):
        connection.request("POST", "/predict", body_of(features), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        assert reply.status == 200
        reply.read()
        mine = connection.sock.getsockname()
        time.sleep(1.5)
        connection.request("GET", "/health")
        assert connection.getresponse().read()
        assert connection.sock.getsockname() == mine
    connection.close()


def test_an_answer_that_nobody_fetches_ends_its_connection(start: Start, features: dict[str, float]) -> None:
    service = start(body_seconds=2)
    with slow_reader(service) as connection:
        connection.sendall(many_rows(features))
        assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
        assert is_held(service, connection), "the answer went into the buffers of the system"
        service.until(lambda: not is_held(service, connection))
        head, _, body = rest(connection).partition(b"\r\n\r\n")

    assert len(body) < length_of(head)
    assert service.predict(features).status_code == 200


def test_an_answer_that_is_fetched_slowly_arrives_whole(start: Start, features: dict[str, float]) -> None:
    service = start(body_seconds=4)
    with slow_reader(service) as connection:
        connection.sendall(many_rows(features))
        received = b""
        for _ in range(60):
            received += connection.recv(4096)
            time.sleep(0.1)
        received += rest(connection)
    head, _, body = received.partition(b"\r\n\r\n")

    assert len(body) == length_of(head)
    assert len(json.loads(body)["predictions"]) == MANY


@contextmanager
def slow_reader(service: Service) -> Iterator[socket.socket]:
    """A connection of which the system takes in little that nobody has read."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", service.port))
        yield connection


def is_held(service: Service, connection: socket.socket) -> bool:
    """Whether the service has the other end of `connection`, and not only the system."""
    ends = [f":{port:04X}" for port in (service.port, connection.getsockname()[1])]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, *others = line.split()
        if [local[-5:], remote[-5:]] == ends:
            return others[6] != "0"  # the number of the socket's file
    return False


def many_rows(features: dict[str, float]) -> bytes:
    rows = json.dumps({"rows": [features] * MANY}).encode()
    head = "POST /predict/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(rows)}\r\n\r\n".encode() + rows


def length_of(head: bytes) -> int:
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_of_a_gibibyte_is_refused_at_once_and_leaves_memory_flat(
    start: Start, features: dict[str, float], declared: bool
) -> None:
    service = start()
    for _ in range(50):
        service.predict(features)
    before = memory(service.process.pid)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < GIBIBYTE:
            sent += 65536
            yield b" " * 65536

    headers = {"Content-Type": "application/json"} | ({"Content-Length": str(GIBIBYTE)} if declared else {})
    began = time.monotonic()
    reply = httpx.post(f"{service.url}/predict", content=endless(), headers=headers, timeout=60, trust_env=False)
    taken = time.monotonic() - began

    assert reply.status_code == 413
    assert reply.json()["detail"]["code"] == "body-too-large"
    assert reply.headers["Connection"] == "close"
    assert sent < 64 * 1024**2
    assert taken < 15
    assert memory(service.process.pid) - before < 8 * 1024**2
    assert service.predict(features).status_code == 200


@pytest.mark.parametrize("uvicorn", [False, True])
def test_a_head_without_end_is_431_and_an_offer_of_http_2_costs_no_body(
    start: Start, features: dict[str, float], uvicorn: bool
) -> None:
    service = start(uvicorn=uvicorn)
    body = body_of(features)
    with connected(service) as connection:
        connection.sendall(HEAD + b"X: " + b"a" * 1024**2)
        refused, _ = answer(connection)
    with connected(service) as connection:
        offer = b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        connection.sendall(HEAD + offer + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answered, _ = answer(connection)

    assert (refused, answered) == (431, 200)


def test_a_caller_who_waits_for_100_continue_sends_nothing_of_a_body_that_is_too_long(start: Start) -> None:
    service = start()
    with connected(service) as connection:
        began = time.monotonic()
        connection.sendall(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % GIBIBYTE)
        first = connection.recv(65536)

    assert first.startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - began < 5


def test_ten_thousand_idle_connections_do_not_keep_others_from_being_served(
    start: Start, features: dict[str, float]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(IDLE_CONNECTIONS, hard - 512)
    try:
        service = start(body_seconds=600)
        before = memory(service.process.pid)
        with many_connections(service, count) as idle:
            service.until(lambda: open_files(service.process.pid) >= count)
            with SteadyLoad(service.port, features, callers=8) as load:
                load.until(500)
            each = (memory(service.process.pid) - before) / count
            print(f"{count} idle connections at {each / 1024:.1f} KiB each")
            idle[0].sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body_of(features)) + body_of(features))
            first = idle[0].recv(65536)
        service.until(lambda: open_files(service.process.pid) < 500)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert count >= 1000, "this machine allows too few open files to show anything"
    assert load.outcome.statuses == {200}
    assert load.outcome.lost == []
    assert first.startswith(b"HTTP/1.1 200 ")
    assert each < 32 * 1024


def test_idle_connections_are_ended_so_that_nobody_can_use_them_up(start: Start, features: dict[str, float]) -> None:
    service = start(body_seconds=2)
    before = open_files(service.process.pid)
    with many_connections(service, 500):
        service.until(lambda: open_files(service.process.pid) >= before + 400)
        service.until(lambda: open_files(service.process.pid) <= before + 3)
    assert service.predict(features).status_code == 200


def test_a_caller_who_goes_away_leaves_nothing_behind(start: Start, features: dict[str, float]) -> None:
    service = start()
    rows = json.dumps({"rows": [features] * 5_000}).encode()
    service.predict(features)
    before = open_files(service.process.pid)
    head = f"POST /predict/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(rows)}\r\n".encode()
    for place in (0, 1, len(rows) // 2, len(rows) - 1, len(rows)):
        with connected(service) as connection:
            connection.sendall(head + b"Content-Type: application/json\r\n\r\n" + rows[:place])
            if place == len(rows):
                connection.recv(1)  # in the middle of the answer
            time.sleep(0.05)

    service.until(lambda: service.metric("vouch_requests_in_flight") == 1)  # the scrape itself
    service.until(lambda: open_files(service.process.pid) <= before + 3)
    assert service.predict(features).status_code == 200
    assert service.traceback == ""
    assert service.metric("vouch_refusals_total", reason="other") == 0


def test_more_requests_at_once_than_are_allowed_are_told_to_come_again(
    start: Start, features: dict[str, float]
) -> None:
    service = start(max_in_flight=3, body_seconds=20)
    body = body_of(features)
    waiting: list[socket.socket] = []
    try:
        for _ in range(3):
            waiting.append(socket.create_connection(("127.0.0.1", service.port), timeout=30))
            waiting[-1].sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        replies: list[httpx.Response] = []
        service.until(lambda: add(replies, service.predict(features)).status_code == 503)
        probes = [service.get(path).status_code for path in ("/health/live", "/health/ready", "/ping", "/metrics")]
        others = [service.get(path).status_code for path in ("/model-info", "/openapi.json")]
        for connection in waiting:
            connection.sendall(body)
        statuses = [connection.recv(65536)[:12] for connection in waiting]
    finally:
        for connection in waiting:
            connection.close()

    assert replies[-1].headers["Retry-After"] == "1"
    assert replies[-1].json()["detail"]["code"] == "service-busy"
    assert probes == [200] * 4
    assert others == [503] * 2
    assert statuses == [b"HTTP/1.1 200"] * 3
    service.until(lambda: service.predict(features).status_code == 200)
    assert service.metric("vouch_refusals_total", reason="service-busy") >= 1


def add(replies: list[httpx.Response], reply: httpx.Response) -> httpx.Response:
    replies.append(reply)
    return reply


@contextmanager
def many_connections(service: Service, count: int) -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            opened.append(socket.create_connection(("127.0.0.1", service.port), timeout=60))
        yield opened
    finally:
        for connection in opened:
            connection.close()
