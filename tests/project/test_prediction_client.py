import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vouchml.errors import AnotherModelServed, ServiceRefused, ServiceUnreachable
from vouchml.project.prediction_client import PredictionClient, request_body


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one answer to everything, and what it was sent."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


def ask(url: str, body: bytes = b"{}") -> dict[str, object]:
    with PredictionClient(url) as client:
        return client.predict(body)


def test_the_body_arrives_as_it_was_given() -> None:
    body = b'{"features": {"a": 1, "a": NaN}}'
    with answering(200, b'{"prediction": 1}') as (url, received):
        assert ask(url, body) == {"prediction": 1}
    assert received == [body]


def test_a_refusal_lists_what_the_service_found() -> None:
    detail = {
        "message": "The row does not fit.",
        "missing": [f"m{i}" for i in range(12)],
        "extra": ["x"],
        "invalid": [{"feature": "b", "problem": "must be a finite number"}],
    }
    with answering(422, json.dumps({"detail": detail}).encode()) as (url, _), pytest.raises(ServiceRefused) as refused:
        ask(url)
    assert "HTTP 422" in refused.value.message
    assert "The row does not fit." in refused.value.message
    assert "missing: m0, m1" in refused.value.remedy
    assert "and 2 more" in refused.value.remedy
    assert "extra: x" in refused.value.remedy
    assert "invalid: b: must be a finite number" in refused.value.remedy


def test_a_service_without_a_model_says_where_to_look() -> None:
    body = b'{"detail": {"message": "No model is loaded."}}'
    with answering(503, body) as (url, _), pytest.raises(ServiceRefused, match="No model is loaded") as refused:
        ask(url)
    assert "/health" in refused.value.remedy


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (404, b"{}"), (200, b"[1]"), (500, b'{"detail": "oops"}'), (422, b'{"detail": []}')],
)
def test_another_program_at_the_address_is_told(status: int, body: bytes) -> None:
    with answering(status, body) as (url, _), pytest.raises(ServiceUnreachable, match="is not the vouchml service"):
        ask(url)


@pytest.mark.parametrize("body", [b"{}", b'{"model_name": 1}', b'{"status": "ok"}', b'{"model_name": "a\\u001b[31m"}'])
def test_a_service_that_does_not_say_what_it_serves_is_not_taken_for_ours(body: bytes) -> None:
    with (
        answering(200, body) as (url, _),
        PredictionClient(url) as client,
        pytest.raises(ServiceUnreachable, match="is not the vouchml service"),
    ):
        client.require_model("ours")


def test_the_service_of_another_model_is_named_with_the_settings_that_name_the_address() -> None:
    with answering(200, b'{"model_name": "theirs"}') as (url, received), PredictionClient(url) as client:
        client.require_model("theirs")
        with pytest.raises(AnotherModelServed, match="serves theirs, and this project's model is ours") as caught:
            client.require_model("ours")
    assert "[serving] port" in caught.value.remedy
    assert received == []


def test_nobody_at_the_address_is_told_with_the_command_that_starts_it() -> None:
    with pytest.raises(ServiceUnreachable, match=r"No service answers at http://127\.0\.0\.1:1\.") as unreachable:
        ask("http://127.0.0.1:1")
    assert "vouch serve" in unreachable.value.remedy


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "nonsense", "ftp://x", ""])
def test_what_is_not_an_address_is_told(url: str) -> None:
    with pytest.raises(ServiceUnreachable, match="is not an address"):
        ask(url)


def test_a_row_is_written_without_losing_a_digit() -> None:
    value = 0.1 + 0.2
    assert json.loads(request_body({"a": value}, "id")) == {"features": {"a": value}, "request_id": "id"}
