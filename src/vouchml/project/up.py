"""`vouch up`: a version to serve, MLflow's pages and the service, all from one command.

```python
ready = make_ready(settings, retrain=False, progress=print)
with Stack(settings, config, mlflow=True, say=print) as stack:
    stack.wait_until_ready(progress=print)
    stack.run_until_stopped()
```
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import httpx

from vouchml.project.children import Child, Children
from vouchml.project.person import person_at
from vouchml.settings import Settings

if TYPE_CHECKING:
    from vouchml.registry import Version
    from vouchml.training import TrainedVersion

Progress = Callable[[str], None]

READY_WITHIN_SECONDS: Final = 90.0
LOOK_SECONDS: Final = 0.1
MLFLOW_ENVIRONMENT: Final[Mapping[str, str]] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Its jobs serve language models, and would run on as processes of their own.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


class StopAsked(Exception):
    """A person or the system asked `vouch up` to stop."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@dataclass(frozen=True)
class Ready:
    """The version that will be served, and how it came there. `trained` is None when it was there already."""

    version: Version
    trained: TrainedVersion | None
    notes: tuple[str, ...]


def make_ready(settings: Settings, *, retrain: bool, progress: Progress) -> Ready:
    """Have a version in the stage: one that is up to date, else a new one.

    Raises:
        VouchError: the table, the training or the registry failed; see there.
    """
    from vouchml.project.moves import promote
    from vouchml.registry import ModelRegistry
    from vouchml.registry.reachability import require_store
    from vouchml.training import train, up_to_date_version

    require_store(settings.tracking_uri, create=True)
    progress("Looking for a version that is up to date")
    version = None if retrain else up_to_date_version(settings)
    trained = None
    if version is None:
        trained = train(settings, progress=progress)
        version = trained.version
        assert version is not None  # noqa: S101 - train registers unless told otherwise
    registry = ModelRegistry.connect(settings.tracking_uri)
    name, stage = settings.project.registered_model, settings.project.stage
    pointer = registry.pointer(name, stage)
    if pointer.version == version.number and pointer.alias == pointer.stage:
        return Ready(version, trained, ())
    moved_away = any(move.to_version == version.number and move.stage == stage for move in registry.history(name))
    if pointer.version is not None and trained is None and moved_away:
        note = (
            f"Version {pointer.version} stays in {stage}: version {version.number} is up to date, but was taken out. "
            f"To serve it: vouch registry promote {version.number} --why TEXT"
        )
        return Ready(registry.version(name, str(pointer.version)), None, (note,))
    progress(f"Promoting version {version.number} to {stage}")
    why = "vouch up: a new training" if trained else "vouch up: up to date with data and settings"
    promote(settings, str(version.number), who=person_at(settings.root), why=why)
    return Ready(registry.version(name, str(version.number)), trained, ())


class Stack:
    """MLflow's pages and the service, running; leaving it stops both and everything that they started."""

    def __init__(self, settings: Settings, config: Path, *, mlflow: bool, say: Progress) -> None:
        self._settings = settings
        self._config = config.resolve()
        self._mlflow = mlflow
        self._say = say
        self._children = Children(logs=settings.private_folder / "logs")
        self._asked: int | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        settings = self._settings
        self._children.__enter__()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Whoever started us with a signal ignored, as nohup does, wants it ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._ask_to_stop)
        try:
            if self._mlflow:
                self._children.start(
                    "MLflow", mlflow_command(settings), cwd=settings.root, environment=mlflow_environment(settings)
                )
            command = [sys.executable, "-m", "vouchml.cli.main", "--config", str(self._config), "serve"]
            self._children.start("API", command, cwd=settings.root)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, StopAsked):
            self._say("Stopping …")
        self._leave()

    def wait_until_ready(self, progress: Progress) -> None:
        """Wait until MLflow answers and the service has loaded a version.

        Raises:
            ChildStopped: one ended, or was not ready in time.
            StopAsked: somebody asked to stop.
        """
        if self._mlflow:
            progress("Waiting for MLflow's pages")
            self._wait(self._children.running[0], f"{self._settings.mlflow_url}/health", lambda _: "")
        progress("Waiting for the service")
        self._wait(self._children.running[-1], f"{self._settings.api_url}/health", _why_not_ready)

    def run_until_stopped(self) -> None:
        """Watch over both until somebody asks to stop.

        Raises:
            ChildStopped: one ended by itself.
        """
        try:
            while True:
                self._look()
        except StopAsked:
            return

    def _wait(self, child: Child, url: str, why_not: Callable[[httpx.Response], str]) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        problem = "it does not answer"
        with httpx.Client(timeout=5.0, trust_env=False) as http:
            while time.monotonic() < deadline:
                self._look()
                try:
                    reply = http.get(url)
                except httpx.HTTPError:
                    continue
                problem = why_not(reply) if reply.is_success else f"HTTP {reply.status_code}"
                if not problem:
                    return
        raise child.stopped(f"was not ready after {READY_WITHIN_SECONDS:g} seconds: {problem}")

    def _look(self) -> None:
        if self._asked is not None:
            raise StopAsked(self._asked)
        self._children.check()
        time.sleep(LOOK_SECONDS)

    def _ask_to_stop(self, number: int, _: FrameType | None) -> None:
        if self._asked is not None:
            self._children.hurry = True
        self._asked = number

    def _leave(self) -> None:
        self._children.__exit__(None, None, None)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


def is_server(tracking_uri: str) -> bool:
    """Whether MLflow runs as a server elsewhere, so that its pages need not be started."""
    return urlsplit(tracking_uri).scheme in ("http", "https")


def without_credentials(uri: str) -> str:
    """The address of a store, fit for the screen."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri  # as it is: put together again, an SQLite address would lose two of its slashes
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def mlflow_pages(settings: Settings) -> str:
    """Where a person finds MLflow's pages."""
    if is_server(settings.tracking_uri):
        return without_credentials(settings.tracking_uri).rstrip("/")
    return settings.mlflow_url


def run_page(settings: Settings, run_id: str) -> str:
    """The page of one run."""
    return f"{mlflow_pages(settings)}/#/runs/{run_id}"


def mlflow_command(settings: Settings) -> list[str]:
    """The command that serves MLflow's pages; its store is in the environment, where `ps` does not show it."""
    serving = settings.serving
    place = ["--host", serving.host, "--port", str(serving.mlflow_port), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "server", *place]


def mlflow_environment(settings: Settings) -> dict[str, str]:
    """What MLflow's pages read from the environment."""
    environment = {**MLFLOW_ENVIRONMENT, "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri}
    if settings.artifact_location is not None:
        environment["MLFLOW_DEFAULT_ARTIFACT_ROOT"] = settings.artifact_location
    return environment


def _why_not_ready(reply: httpx.Response) -> str:
    try:
        health = reply.json()
    except ValueError:
        return "it answers something else"
    if health.get("model_loaded"):
        return ""
    return " ".join(health.get("reasons") or ["no model is loaded"]).rstrip(".")
