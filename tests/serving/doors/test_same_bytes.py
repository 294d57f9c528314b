"""The hot path and FastAPI's own routes answer the same bytes, whatever is sent."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vouchml.data import read_table
from vouchml.serving.app import create_app
from vouchml.serving.doors.base import Call
from vouchml.serving.following.watcher import Watcher
from vouchml.serving.layers.security_headers import SecurityHeaders
from vouchml.serving.service import Service
from vouchml.settings import LedgerSettings, ServingSettings, Settings, load_settings

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Project, Serve

PREDICT, BATCH, INVOCATIONS = "/predict", "/predict/batch", "/invocations"
INFER = "/v2/models/breast_cancer_classifier/infer"
JSON = (b"content-type", b"application/json")
IDS = re.compile(rb"[0-9a-f]{32}")


@dataclass(frozen=True)
class Sent:
    """A request. The caller hangs up after `chunks` when `whole` is false."""

    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    chunks: tuple[bytes, ...]
    whole: bool = True


def documented(service: Service) -> Any:
    """FastAPI's own app, with no hot path before it: what the service does around it, and no more."""
    app = SecurityHeaders(service.documented)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["vouch_call"] = Call(dict(scope["headers"]), uuid4().hex)
            await app(scope, receive, send)
        else:
            await service(scope, receive, send)

    return answer


async def answered(app: Any, sent: Sent) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of the answer, without the ids that are made up."""
    messages = [
        {"type": "http.request", "body": chunk, "more_body": not sent.whole or place < len(sent.chunks)}
        for place, chunk in enumerate(sent.chunks, start=1)
    ]
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": sent.path,
        "raw_path": sent.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(sent.headers),
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    start, *bodies = answers
    headers = [(name, IDS.sub(b"ID", value)) for name, value in start["headers"]]
    return start["status"], headers, IDS.sub(b"ID", b"".join(each.get("body", b"") for each in bodies))


numbers = st.one_of(
    st.floats(-1e3, 1e3), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**54), 2**54)
)
ids = st.sampled_from(["a", "study:1", "x" * 129, "", "a b", None, 1])


def records(names: Sequence[str]) -> st.SearchStrategy[dict[str, float]]:
    return st.lists(numbers, min_size=len(names), max_size=len(names)).map(
        lambda row: dict(zip(names, row, strict=True))
    )


def documents(path: str, names: Sequence[str]) -> st.SearchStrategy[Any]:
    """What the door at `path` takes, as JSON."""
    rows = st.lists(records(names), max_size=5)
    if path == PREDICT:
        return st.fixed_dictionaries(
            {"features": records(names)}, optional={"request_id": ids, "explain": st.booleans()}
        )
    if path == BATCH:
        return st.fixed_dictionaries({"rows": rows}, optional={"request_id": ids})
    if path == INVOCATIONS:
        split = rows.map(lambda given: {"columns": list(names), "data": [list(row.values()) for row in given]})
        return st.one_of(
            split.map(lambda table: {"dataframe_split": table}),
            st.tuples(st.sampled_from(["dataframe_records", "instances", "inputs"]), rows).map(
                lambda form: {form[0]: form[1]}
            ),
        )
    tensor = rows.map(
        lambda given: {
            "name": "features",
            "shape": [len(given), len(names)],
            "datatype": "FP64",
            "data": [number for row in given for number in row.values()],
        }
    )
    return st.fixed_dictionaries({"inputs": tensor.map(lambda one: [one])}, optional={"id": ids, "parameters": binary})


binary = st.sampled_from([{"binary_data_output": True}, {"binary_data_output": 1}, None])
odd_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
odd_headers = st.lists(
    st.sampled_from(
        [
            (b"content-encoding", b"gzip"),
            (b"content-encoding", b"identity"),
            (b"content-length", b"7"),
            (b"content-length", b"99999999999"),
            (b"content-length", b"-1"),
            (b"content-length", b"\xff"),
            (b"inference-header-content-length", b"10"),
            (b"inference-header-content-length", b"-10"),
            (b"content-type", b"text/csv"),
            (b"content-type", b"application/vnd.apache.parquet"),
            (b"content-type", b"application/json; charset=latin-1"),
            (b"content-type", b"\xff\x00"),
            (b"origin", b"http://example.org"),
            (b"x-request-id", b"another"),
            (b"x-" + b"y" * 1000, b""),
        ]
    ),
    max_size=2,
)


@st.composite
def requests(draw: st.DrawFn, names: Sequence[str]) -> Sent:
    """Mostly what a door takes, and wrong in one way or another."""
    path = draw(st.sampled_from([PREDICT, BATCH, INVOCATIONS, INFER]))
    body = json.dumps(draw(st.one_of(*[documents(path, names)] * 4, odd_json))).encode()
    match draw(st.integers(0, 15)):
        case 0:  # something is lost
            start = draw(st.integers(0, len(body)))
            body = body[:start] + body[start + draw(st.integers(1, 40)) :]
        case 1:  # something gets in
            start = draw(st.integers(0, len(body)))
            body = body[:start] + draw(st.sampled_from([b'"', b"NaN", b",", b"\xff", b"1", b"\0", b"}"])) + body[start:]
        case 2:
            body = draw(st.binary(max_size=50))
        case 3:
            body += b" " * draw(st.sampled_from([1, 5_000, 20_000]))
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=2)))
    chunks = tuple(body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True))
    headers = (*([JSON] if draw(st.integers(0, 15)) else []), *([] if draw(st.integers(0, 3)) else draw(odd_headers)))
    # One of each name: a request that repeats a header may be refused before any door is asked.
    once = tuple(dict(headers).items())
    return Sent(path, once, chunks, whole=draw(st.integers(0, 19)) != 0)


@pytest.fixture
def names(trained_folder: Path) -> tuple[str, ...]:
    project = load_settings(trained_folder / "vouch.toml")
    return read_table(project.data_path, project.data).names


@pytest.fixture
def small_settings(served_project: Project) -> Settings:
    """Version 1, behind a service that takes little."""
    serving = ServingSettings(max_body_bytes=4096, max_batch_bytes=16_384, max_batch_rows=4)
    served_project.promote("1")
    Watcher(served_project.settings).poll()
    return served_project.settings.model_copy(update={"serving": serving})


@pytest.mark.parametrize("loaded", [True, False])
def test_the_hot_path_and_fastapis_routes_answer_every_request_with_the_same_bytes(
    small_settings: Settings, names: Sequence[str], loaded: bool
) -> None:
    # Both sides wait for the ledger in the same place, and it runs only in a service that is started.
    service = create_app(small_settings.model_copy(update={"ledger": LedgerSettings(url="")}))
    if loaded:
        service.follower.refresh()
    routes = documented(service)

    with asyncio.Runner() as runner:

        @settings(max_examples=500 if loaded else 100, deadline=None)
        @given(requests(names))
        def the_same(sent: Sent) -> None:
            by_hot_path = runner.run(answered(service, sent))

            statuses = (200, 400, 409, 413, 415, 422) if loaded else (400, 413, 415, 503)
            assert by_hot_path[0] in statuses
            assert runner.run(answered(routes, sent)) == by_hot_path

        the_same()


def test_over_a_connection_both_send_the_same_bytes_for_each_status(
    small_settings: Settings, names: Sequence[str], rows: NDArray[np.float64], serve: Serve, eventually: Eventually
) -> None:
    row = dict(zip(names, rows[0].tolist(), strict=True))
    tensor = {"name": "features", "shape": [1, len(names)], "datatype": "FP64", "data": list(row.values())}
    good = {
        PREDICT: {"features": row, "explain": True},
        BATCH: {"rows": [row, row]},
        INVOCATIONS: {"instances": [row]},
        INFER: {"inputs": [tensor], "parameters": {"binary_data_output": True}},
    }
    bodies = {
        200: [(path, json.dumps(document).encode()) for path, document in good.items()],
        400: [(path, b"{") for path in good],
        413: [(path, b" " * 20_000) for path in good],
        422: [(path, b"{}") for path in (PREDICT, BATCH)],
    }

    by_routes_only = documented(create_app(small_settings))
    with serve(create_app(small_settings)) as hot, serve(by_routes_only) as routes:
        eventually(lambda: all(each.get("/health/ready").status_code == 200 for each in (hot, routes)))
        for status, sent in bodies.items():
            for path, body in sent:
                by_hot_path, by_routes = over_a_connection(hot, path, body), over_a_connection(routes, path, body)
                assert by_hot_path.startswith(b"HTTP/1.1 %d " % status)
                assert by_routes == by_hot_path


def over_a_connection(client: httpx.Client, path: str, body: bytes) -> bytes:
    """All that comes back, without the ids that are made up and the date."""
    request = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as connection:
        connection.sendall(request % (path.encode(), len(body)) + body)
        received = b""
        while not is_complete(received):
            more = connection.recv(65_536)
            assert more, "the connection closed before the end of the answer"
            received += more
    return re.sub(rb"date: [^\r]*", b"date:", IDS.sub(b"ID", received))


def is_complete(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\ncontent-length: (\d+)", head)
    return bool(end) and length is not None and len(body) == int(length[1])
