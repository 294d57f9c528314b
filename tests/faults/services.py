"""Services and MLflow servers as real processes: started, looked at, signalled, and what is left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.cli.processes import clean_environment, command_of, descendants, wait_for_the_end_of
from tests.serving.conftest import Project
from tests.started import STARTED

from vouchml.serving.following.admitting import IS_OFF
from vouchml.serving.worker_ledger import NO_KEY

REPOSITORY = Path(__file__).parents[2]
JSON = {"Content-Type": "application/json"}
# A test waits for what happens, and a busy machine takes its time.
WITHIN_SECONDS = 60.0


@dataclass
class Service:
    """A service that runs. `url` is where a program on this machine reaches it."""

    project: Project
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    scheme: str = "http"
    _seen: set[int] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def private(self) -> Path:
        """`.vouch`."""
        return self.project.settings.private_folder

    @property
    def end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if '"event": "prediction' not in line][-40:])

    @property
    def traceback(self) -> str:
        """Its log from the first stack trace on; nothing when it shows none."""
        _, found, rest = self.log.read_text(errors="replace").partition("Traceback")
        return found + rest

    @property
    def below(self) -> list[int]:
        """Every process that it has started, now."""
        found = descendants(self.process.pid)
        self._seen.update(found)
        return found

    @property
    def workers(self) -> list[int]:
        """The processes that answer, when there are several."""
        return [pid for pid in self.below if "multiprocessing.spawn" in command_of(pid)]

    @property
    def watchers(self) -> list[int]:
        """The processes that watch the registry, or wait to."""
        return [pid for pid in self.below if "watcher_process" in command_of(pid)]

    @property
    def watching(self) -> int | None:
        """The one that holds the lock."""
        locks = list((self.private / "serving").glob("state-*.lock"))
        inodes = {lock.stat().st_ino for lock in locks}
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, *rest = line.split()
            if kind == "FLOCK" and int(rest[3].rpartition(":")[2]) in inodes and int(rest[2]) in self.watchers:
                return int(rest[2])
        return None

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET, without proxies of the environment."""
        return httpx.get(f"{self.url}{path}", timeout=30, trust_env=False, **options)

    def health(self) -> dict[str, Any]:
        """What /health says; nothing while nobody answers."""
        try:
            document: dict[str, Any] = self.get("/health").json()
        except httpx.TransportError:
            return {}
        return document

    def health_when(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait for a /health of which this holds."""
        found: list[dict[str, Any]] = []

        def holds() -> bool:
            found[:] = [self.health()]
            return bool(found[0] and condition(found[0]))

        self.until(holds)
        return found[0]

    def reasons(self) -> str:
        return " ".join(self.health().get("reasons", ()))

    def warnings(self) -> str:
        """What changes while it runs; not what the settings of these tests give up for good."""
        return " ".join(came_and_go(self.health()))

    def version(self) -> str | None:
        version: str | None = self.health().get("model_version")
        return version

    def predict(self, features: dict[str, float], **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/predict", json={"features": features}, timeout=30, trust_env=False, **options)

    def post(self, path: str, document: object) -> httpx.Response:
        """POST a document as JSON, without proxies of the environment."""
        return httpx.post(f"{self.url}{path}", json=document, timeout=30, trust_env=False)

    def samples(self, name: str) -> list[Any]:
        """The samples of /metrics with this name."""
        text = self.get("/metrics").text
        return [
            sample
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        ]

    def metric(self, name: str, **labels: str) -> float:
        """The sample of /metrics with this name and these labels."""
        (sample,) = [sample for sample in self.samples(name) if sample.labels == labels]
        return float(sample.value)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log about this."""
        lines = self.log.read_text(errors="replace").splitlines()
        documents = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [document for document in documents if document["event"] == name]

    def until(self, condition: Callable[[], object], *, seconds: float = WITHIN_SECONDS) -> float:
        """Wait until something is so, as long as the service runs, and say how long it took."""
        began = time.monotonic()
        while not condition():
            assert self.process.poll() is None, f"it ended:\n{self.end_of_log}"
            assert time.monotonic() - began < seconds, f"it did not happen:\n{self.end_of_log}"
            time.sleep(0.02)
        return time.monotonic() - began

    def until_watching(self) -> int:
        """Wait until one of its watchers holds the lock, and say which."""
        found: list[int] = []

        def holds() -> bool:
            found[:] = [watcher for watcher in (self.watching,) if watcher is not None]
            return bool(found)

        self.until(holds)
        return found[0]

    def until_ready(self) -> float:
        """Wait until predictions are answered."""
        return self.until(self.is_ready)

    def until_all_serve(self, workers: int, version: str = "1") -> None:
        """Wait until every worker has this version."""
        self.until(lambda: self.serving(version) == workers)

    def serving(self, version: str) -> float:
        """How many workers have this version."""
        return sum(
            float(sample.value)
            for sample in self.samples("vouch_model_served")
            if (sample.labels["version"], sample.labels["role"]) == (version, "champion")
        )

    def is_ready(self) -> bool:
        try:
            return self.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def send(self, number: int) -> None:
        self._seen.update(self.below)
        self.process.send_signal(number)

    def send_to_all(self, number: int) -> None:
        """To it and all that it has started, as a terminal and a supervisor do."""
        self._seen.update(self.below)
        os.killpg(self.process.pid, number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and see that nothing is left of what it started."""
        self.send(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for an end that was asked for, and see that nothing is left."""
        status = self.process.wait(timeout=WITHIN_SECONDS)
        wait_for_the_end_of(sorted(self._seen), seconds=WITHIN_SECONDS)
        return status

    def remove(self) -> None:
        """Whatever is left is killed."""
        STARTED.end(self.process.pid)


@dataclass
class MlflowServer:
    """An MLflow server with the database of a project, its artifacts handed out over HTTP."""

    project: Project
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        root = self.project.settings.root
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        place += ["--artifacts-destination", (root / "artifacts").as_uri()]
        with (root / "mlflow.log").open("ab") as log:
            self.process = STARTED.start(
                [sys.executable, "-m", "mlflow", "server", *place],
                cwd=root,
                env=clean_environment()
                | {
                    "MLFLOW_BACKEND_STORE_URI": self.project.settings.tracking_uri,
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                    # Without these it sends nothing to a service on its own machine.
                    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
                    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
                },
                stdout=log,
                stderr=log,
            )
        began = time.monotonic()
        while not self.answers():
            assert self.process.poll() is None, (root / "mlflow.log").read_text()
            assert time.monotonic() - began < 120, (root / "mlflow.log").read_text()
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False, timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def send(self, number: int) -> None:
        """To the server and all that it has started."""
        if self.process is not None:
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """As a machine that loses its power."""
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.process.wait()
            self.process = None


def serve_command(port: int, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "vouchml.cli.main", "serve", "--port", str(port), *arguments]


def uvicorn_command(port: int, *arguments: str) -> list[str]:
    place = ["--app-dir", str(REPOSITORY), "api.main:app", "--port", str(port), "--no-access-log"]
    return [sys.executable, "-m", "uvicorn", *place, *arguments]


def serving_settings(**settings: object) -> dict[str, str]:
    """Settings of the section `[serving]` as environment variables."""
    return {f"VOUCH_SERVING__{name.upper()}": str(value) for name, value in settings.items()}


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def memory(pid: int) -> int:
    """The bytes of a process that are in memory and shared with nobody, or in fair parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss")


def lines_of(path: Path) -> Iterator[str]:
    yield from path.read_text(errors="replace").splitlines()


def came_and_go(health: dict[str, Any]) -> list[str]:
    """The warnings of `health` but for those that the tests' project always has: no admission, and no keys."""
    return [warning for warning in health.get("warnings", ()) if warning not in (IS_OFF, NO_KEY)]
