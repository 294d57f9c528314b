"""A project trained once on the real data, copies of it for each test, and a real server on a free port."""

from __future__ import annotations

import fcntl
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from tests.own_copy import unguarded_copy

from vouchml.data import read_table
from vouchml.registry import ModelRegistry
from vouchml.serving.app import create_app
from vouchml.serving.following.follower import Follower
from vouchml.serving.following.state import StateFile
from vouchml.serving.following.watcher import Watcher
from vouchml.serving.service import Service
from vouchml.settings import ServingSettings, Settings, load_settings

REPOSITORY = Path(__file__).parents[2]
# Whose watcher looks as seldom as this has looked at the registry beforehand, and follows nothing.
SELDOM_SECONDS = 60

Serve = Callable[[Service], AbstractContextManager[httpx.Client]]
Eventually = Callable[[Callable[[], bool]], float]


@dataclass(frozen=True)
class Project:
    """A project in a temporary folder, with its own MLflow database: versions 1 and 2, nothing promoted."""

    settings: Settings

    @property
    def name(self) -> str:
        return self.settings.project.registered_model

    @property
    def database(self) -> Path:
        return self.settings.root / "mlflow.db"

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry.connect(self.settings.tracking_uri, create=True)

    def promote(self, reference: str) -> None:
        self.registry.promote(self.name, reference, stage="Staging", who="a test", why="to be served")

    def add_version(self, change: Callable[[Path], None], folder: Path) -> int:
        """Register a copy of version 1 that `change` has been made to."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.registry.fetch(self.registry.version(self.name, "1"), folder)
        change(folder)
        return self.registry.register(self.name, source=folder.as_uri(), run_id=None).number


class Following(Follower):
    """A follower whose watcher looks when it is told to, in this process, so that a test sees each step."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.watcher = Watcher(settings)

    def poll(self) -> None:
        """Let the watcher look, and follow it."""
        self.watcher.poll()
        self.refresh()


@pytest.fixture
def served_project(trained_folder: Path, tmp_path: Path) -> Project:
    """Versions 1 and 2, nothing promoted, and a look at the registry ten times a second."""
    settings = unguarded_copy(trained_folder, tmp_path / "project")
    return Project(settings.model_copy(update={"serving": ServingSettings(poll_seconds=0.1)}))


@pytest.fixture(scope="session")
def follow() -> Callable[[Settings], Following]:
    """Follow the registry of some settings, step by step."""
    return Following


@pytest.fixture
def follower(served_project: Project) -> Following:
    """Follows the registry of the project, step by step."""
    return Following(served_project.settings)


@pytest.fixture(scope="session")
def rows(trained_folder: Path) -> NDArray[np.float64]:
    settings = load_settings(trained_folder / "vouch.toml")
    return read_table(settings.data_path, settings.data).values


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Start a service of an app: `with serve(app) as client`."""
    return serving


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Wait until something is so: `eventually(lambda: ...)`."""
    return wait_until


@contextmanager
def serving(app: Service) -> Iterator[httpx.Client]:
    """`app` behind uvicorn on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    seldom = isinstance(app, Service) and int(app.follower.retry_after) >= SELDOM_SECONDS
    with watched_elsewhere(app.follower._file) if seldom else nullcontext():
        thread.start()
        try:
            wait_until(lambda: server.started)
            port = server.servers[0].sockets[0].getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def watched_elsewhere(file: StateFile) -> Iterator[None]:
    """Hold the lock of the watchers, as another service of the folder would: that of this one waits for it, small.

    For tests that follow nothing: a watcher loads MLflow, which is two seconds of a core.
    """
    file.prepare()
    with file.lock.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def wait_until(condition: Callable[[], bool], *, seconds: float = 30.0) -> float:
    """Wait for `condition`, and say how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - began


def is_ready(client: httpx.Client) -> bool:
    return client.get("/health/ready").status_code == 200


@pytest.fixture(scope="module")
def shared_client(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service of version 1 for the tests that change nothing."""
    settings = unguarded_copy(trained_folder, tmp_path_factory.mktemp("shared") / "project")
    seldom = settings.serving.model_copy(update={"poll_seconds": float(SELDOM_SECONDS)})
    project = Project(settings.model_copy(update={"serving": seldom}))
    project.promote("1")
    Watcher(project.settings).poll()
    with serving(create_app(project.settings)) as client:
        wait_until(lambda: is_ready(client))
        yield client


@pytest.fixture(scope="module")
def names(shared_client: httpx.Client) -> list[str]:
    expected: list[str] = shared_client.get("/model-info").json()["expected_features"]
    return expected


@pytest.fixture
def features(names: list[str], rows: NDArray[np.float64]) -> dict[str, float]:
    """The first row of the table."""
    return dict(zip(names, rows[0].tolist(), strict=True))
