"""A store that has too much, or says less than it sends, fills no disk: over HTTP, with MLflow's own client."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from vouchml.errors import BundleInvalid, VersionNotFound
from vouchml.registry import ModelRegistry

KIB = 1024
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


class Store(ThreadingHTTPServer):
    """An artifact store. `listed` is what it says it has, by folder, `sizes` what it sends, `sent` what has left it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.listed: Mapping[str, list[dict[str, Any]]] = {}
        self.sizes: Mapping[str, int] = {}
        self.sent = 0

    @property
    def place(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{ARTIFACTS}/model"


class Answer(BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path.endswith("/artifacts"):
            folder = parse_qs(address.query).get("path", [""])[0].removeprefix("model").removeprefix("/")
            return self._send(json.dumps({"files": self.server.listed.get(folder, [])}).encode())
        name = address.path.removeprefix(f"{ARTIFACTS}/model/")
        size = self.server.sizes.get(name)
        if size is None:
            return self.send_error(404)
        self.send_response(200)
        self.end_headers()  # without a length, as long as it likes
        try:
            for _ in range(size // KIB):
                self.wfile.write(bytes(KIB))
                self.server.sent += KIB
        except OSError:
            pass

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as store:
        thread = threading.Thread(target=store.serve_forever)
        thread.start()
        yield store
        store.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    return ModelRegistry.connect(f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db", create=True)


def file(path: str, size: int | None) -> dict[str, Any]:
    return {"path": path, "is_dir": False, **({} if size is None else {"file_size": size})}


def fetched(registry: ModelRegistry, store: Store, folder: Path, *, most: int = 100 * KIB) -> dict[str, int]:
    folder.mkdir(exist_ok=True)
    version = registry.register("a_model", source=store.place, run_id=None)
    registry.fetch(version, folder, most_bytes=most)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def on_disk(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_is_no_more_than_may_be_arrives_in_its_folders(
    registry: ModelRegistry, store: Store, tmp_path: Path
) -> None:
    store.listed = {"": [file("MLmodel", KIB), {"path": "onnx", "is_dir": True}], "onnx": [file("m.onnx", 99 * KIB)]}
    store.sizes = {"MLmodel": KIB, "onnx/m.onnx": 99 * KIB}
    assert fetched(registry, store, tmp_path / "files") == store.sizes


def test_more_than_may_be_by_the_list_is_refused_before_anything_is_sent(
    registry: ModelRegistry, store: Store, tmp_path: Path
) -> None:
    store.listed = {"": [file("a", 60 * KIB), {"path": "b", "is_dir": True}], "b": [file("c", 41 * KIB)]}
    store.sizes = {"a": 60 * KIB, "b/c": 41 * KIB}
    with pytest.raises(BundleInvalid, match="more than 102400 bytes together"):
        fetched(registry, store, tmp_path / "files")
    assert store.sent == 0


@pytest.mark.parametrize("said", [KIB, None, -(2**40)])
def test_a_store_that_says_less_than_it_sends_fills_no_disk(
    registry: ModelRegistry, store: Store, tmp_path: Path, said: int | None
) -> None:
    names = [f"file-{number}" for number in range(9)]
    store.listed = {"": [file(name, said) for name in names]}
    store.sizes = dict.fromkeys(names, 60 * KIB)
    with pytest.raises(BundleInvalid, match="more than 102400 bytes together"):
        fetched(registry, store, tmp_path / "files")
    assert on_disk(tmp_path / "files") == 120 * KIB  # the second passes the limit, and nothing comes after it


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # MLflow's, of the answer that it gave up
def test_one_file_without_end_stops_at_the_limit(registry: ModelRegistry, store: Store, tmp_path: Path) -> None:
    store.listed = {"": [file("endless", KIB)]}
    store.sizes = {"endless": 64 * KIB * KIB}
    with pytest.raises(BundleInvalid, match="more than 102400 bytes together"):
        fetched(registry, store, tmp_path / "files")
    gc.collect()
    assert on_disk(tmp_path / "files") <= 100 * KIB
    (tmp_path / "afterwards").write_bytes(bytes(200 * KIB))  # others may write as much as before


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "a/../../outside", "a\\..\\outside"])
def test_a_path_that_leads_elsewhere_is_refused(
    registry: ModelRegistry, store: Store, tmp_path: Path, path: str
) -> None:
    store.listed = {"": [file(path, KIB)]}
    store.sizes = {path: KIB}
    with pytest.raises(Exception, match=r"leads elsewhere|Invalid path"):
        fetched(registry, store, tmp_path / "files")
    assert store.sent == 0
    assert on_disk(tmp_path / "files") == 0


def test_folders_without_end_are_refused(registry: ModelRegistry, store: Store, tmp_path: Path) -> None:
    class Endless(dict[str, list[dict[str, Any]]]):
        def get(self, folder: str, default: Any = None) -> Any:
            return [{"path": "again", "is_dir": True}, *(file(f"{number}", 0) for number in range(2_000))]

    store.listed = Endless()
    with pytest.raises(BundleInvalid, match="more than 10000 files and folders"):
        fetched(registry, store, tmp_path / "files")


def test_a_store_that_has_nothing_there_has_not_the_version(
    registry: ModelRegistry, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(VersionNotFound, match=r"MLflow does not have the files of version \d+ of a_model"):
        fetched(registry, store, tmp_path / "files")
