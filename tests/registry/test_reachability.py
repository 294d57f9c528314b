"""An address where no MLflow answers is told within seconds, without a secret and without MLflow's own patience."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vouchml.errors import RegistryUnreachable
from vouchml.registry import ModelRegistry
from vouchml.registry.reachability import require_store

Address = AbstractContextManager[str]


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that answers everything with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent() -> Iterator[str]:
    """A program that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[str]:
    yield "127.0.0.1:1"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nobody, "No MLflow server answers at"),
        (silent, "No MLflow server answers at"),
        (lambda: answering(404, b"<html>not here</html>"), "is not an MLflow server"),
        (lambda: answering(200, b"<html>welcome</html>"), "is not an MLflow server"),
        (lambda: answering(200, b"[]"), "is not an MLflow server"),
        (lambda: answering(503, b"busy"), "says HTTP 503"),
    ],
)
def test_a_server_that_is_no_mlflow_is_told(
    make: Callable[[], Address], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if make is silent:
        monkeypatch.setattr("vouchml.registry.reachability.ANSWERS_WITHIN_SECONDS", 0.5)
    with make() as place, pytest.raises(RegistryUnreachable, match=words) as caught:
        require_store(f"http://ada:secret@{place}", create=True)
    assert f"http://{place}" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.remedy
    assert "secret" not in caught.value.diagnostics()


@pytest.mark.parametrize(("status", "body"), [(200, b"{}"), (401, b"who are you?"), (403, b"not you")])
def test_a_server_that_answers_or_asks_who_wants_to_know_may_be_mlflow(status: int, body: bytes) -> None:
    with answering(status, body) as place:
        require_store(f"http://{place}", create=True)
        require_store(f"http://{place}/", create=False)


@pytest.mark.parametrize("uri", ["http://", "http://no such host:5000", "https://[::1]:1"])
def test_an_address_that_leads_nowhere_is_told(uri: str) -> None:
    with pytest.raises(RegistryUnreachable, match="No MLflow server answers"):
        require_store(uri, create=True)


@pytest.mark.parametrize("uri", ["sqlite:", "sqlite:/", "sqlite://"])
def test_an_sqlite_address_without_a_file_is_told(uri: str) -> None:
    with pytest.raises(RegistryUnreachable, match="names no file") as caught:
        require_store(uri, create=True)
    assert "sqlite:///mlflow.db" in caught.value.remedy


def test_a_kind_of_store_that_mlflow_does_not_know_is_told() -> None:
    with pytest.raises(RegistryUnreachable, match="no registry at an address of this kind") as caught:
        ModelRegistry.connect("ftp://127.0.0.1/mlflow")
    assert "sqlite:///mlflow.db" in caught.value.remedy


def test_a_database_server_whose_driver_is_missing_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymysql", None)
    with pytest.raises(RegistryUnreachable, match="needs the package pymysql") as caught:
        require_store("mysql+pymysql://ada:secret@127.0.0.1:1/mlflow", create=True)
    assert caught.value.remedy == "pip install pymysql"
    assert "secret" not in caught.value.diagnostics()


def test_a_new_store_in_a_folder_with_a_space_makes_no_folder_beside_it(tmp_path: Path) -> None:
    from vouchml.settings import sqlite_uri

    ModelRegistry.connect(sqlite_uri(tmp_path / "a project" / "mlflow.db"), create=True)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "a project",
        "a project/mlflow.db",
    ]
