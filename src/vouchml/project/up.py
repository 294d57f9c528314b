"""`vouch up`: MLflow's pages and the service, all from one command, once there is a version to serve.

```python
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
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from vouchml.project.children import Child, Children
from vouchml.settings import Settings

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
