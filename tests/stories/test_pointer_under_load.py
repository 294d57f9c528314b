"""Moving the pointer under a steady load: the served version follows within seconds, and no request fails."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pandas as pd
import pytest
from tests.cli.processes import Project, clean_environment, free_ports
from tests.started import STARTED

from vouchml.data import read_table
from vouchml.project.deciding import decide
from vouchml.project.readiness import make_development_keys
from vouchml.project.signing import sign_version
from vouchml.registry import ModelRegistry
from vouchml.registry.stages import quiet_about_stages
from vouchml.settings import ModelSettings, Settings, TrainingSettings, load_settings
from vouchml.training import train

NAME = "breast_cancer_classifier"
VERSIONS = ("1", "2", "3")
FOLLOWS_WITHIN_SECONDS = 5.0 * float(os.environ.get("SLOWNESS", "1"))
REQUESTS_A_SECOND = 100
AT_MOST = 10_000


@dataclass(frozen=True)
class Answer:
    """One reply: when it came, its status, and what it said."""

    at: float
    status: int
    version: str
    probability: float


@dataclass
class Load:
    """A client that asks for the same row, at a steady pace, until it is stopped or has asked often enough."""

    url: str
    body: dict[str, Any]
    answers: list[Answer] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Load:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def seconds_until(self, version: str, *, since: float) -> float:
        """How long it took, or takes, from the time `since` until `version` answers."""
        while time.time() - since < 12 * FOLLOWS_WITHIN_SECONDS:
            for answer in list(self.answers):
                if answer.version == version and answer.at >= since:
                    return answer.at - since
            time.sleep(0.02)
        raise AssertionError(f"version {version} never answered")

    def _run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            for _ in range(AT_MOST):
                if self._stopping.wait(1 / REQUESTS_A_SECOND):
                    return
                reply = client.post("/predict", json=self.body)
                said = reply.json()
                self.answers.append(
                    Answer(
                        time.time(),
                        reply.status_code,
                        str(said.get("model_version")),
                        said.get("probability_positive_class", -1.0),
                    )
                )


@pytest.fixture(scope="module")
def trained_thrice(make_project: Callable[[], Settings]) -> Settings:
    """Three versions that answer differently, each signed and gated; version 1 is promoted."""
    settings = asking_for_nothing(make_project())
    make_development_keys(settings)
    for strength in (1.0, 0.01, 0.0001):
        model = ModelSettings(parameters={"C": strength, "max_iter": 1000})
        quick = TrainingSettings(cv_folds=2, bootstrap_resamples=100)
        trained = train(settings.model_copy(update={"model": model, "training": quick}))
        assert trained.version is not None
        sign_version(settings, trained.version, trained=trained.manifest)
        assert decide(settings, str(trained.version.number)).outcome.verdict == "PASS"
    registry = ModelRegistry.connect(settings.tracking_uri)
    registry.promote(NAME, "1", stage="Staging", who="a test", why="to begin with")
    return settings


def asking_for_nothing(settings: Settings) -> Settings:
    """The settings with a policy under which a model may be as bad as it likes; it is about the pointer here."""
    file = settings.root / "vouch.toml"
    text = file.read_text(encoding="utf-8")
    policy = text.index("[policy]")
    file.write_text(f"{text[:policy]}[policy]\nbounds = {{}}\nmargins = {{}}\n", encoding="utf-8")
    return load_settings(file)


@pytest.fixture(scope="module")
def probabilities(trained_thrice: Settings) -> dict[str, float]:
    """What scikit-learn says of the first row, by version."""
    settings = trained_thrice
    table = read_table(settings.data_path, settings.data)
    row = pd.DataFrame(table.values[:1], columns=list(table.names))
    mlflow.set_tracking_uri(settings.tracking_uri)
    pipelines = {version: mlflow.sklearn.load_model(f"models:/{NAME}/{version}") for version in VERSIONS}
    mlflow.set_tracking_uri(None)
    return {version: pipeline.predict_proba(row)[0, 1] for version, pipeline in pipelines.items()}


@pytest.fixture(scope="module")
def load(trained_thrice: Settings) -> Iterator[tuple[Load, Project]]:
    """`vouch serve` as a process, with the default time between two looks at the registry, and a client."""
    settings = trained_thrice
    table = read_table(settings.data_path, settings.data)
    port, mlflow_port = free_ports()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "vouchml.cli.main", "serve", "--port", str(port)]
    # To a file: nobody reads a pipe here, and a full one would hold up the service.
    with (settings.root / "serve.log").open("wb") as log:
        process = STARTED.start(command, cwd=settings.root, stdout=log, stderr=log, env=clean_environment())
    try:
        _wait_until_ready(url, process, settings.root / "serve.log")
        features = dict(zip(table.names, table.values[0].tolist(), strict=True))
        with Load(url, {"features": features}) as load:
            yield load, Project(settings.root, port, mlflow_port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        STARTED.end(process.pid)
    assert process.returncode in (0, -signal.SIGTERM)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace"))


def test_the_alias_the_stage_a_promotion_and_a_rollback_are_followed_and_no_request_fails(
    load: tuple[Load, Project], trained_thrice: Settings, probabilities: dict[str, float]
) -> None:
    asking, project = load
    client = mlflow.MlflowClient(trained_thrice.tracking_uri)
    asking.seconds_until("1", since=time.time())

    client.set_registered_model_alias(NAME, "staging", "2")
    seconds = {"alias to 2": asking.seconds_until("2", since=time.time())}

    with quiet_about_stages():
        client.transition_model_version_stage(NAME, "3", "Staging", archive_existing_versions=True)
    seconds["stage to 3"] = asking.seconds_until("3", since=time.time())

    moved = move(project, "promote", "1", "--why", "back to the first")
    seconds["promotion of 1"] = asking.seconds_until("1", since=moved)

    moved = move(project, "rollback", "--why", "it was better")
    seconds["rollback to 3"] = asking.seconds_until("3", since=moved)

    print("; ".join(f"{move}: {taken:.2f} s" for move, taken in seconds.items()))
    assert max(seconds.values()) <= FOLLOWS_WITHIN_SECONDS

    answers = list(asking.answers)
    assert len(answers) > 100
    assert {answer.status for answer in answers} == {200}
    assert [version for version, _ in itertools.groupby(answer.version for answer in answers)] == list("12313")
    assert len(set(probabilities.values())) == 3
    for version, expected in probabilities.items():
        given = {answer.probability for answer in answers if answer.version == version}
        assert len(given) == 1
        assert abs(given.pop() - expected) <= 1e-12


def move(project: Project, *arguments: str) -> float:
    """Run `vouch registry …`, and say when it moved the pointer: its process takes a while to begin and to end."""
    told = project.vouch("registry", *arguments, "--who", "Ada", "--json")
    assert told.returncode == 0, told.stderr
    return datetime.fromisoformat(json.loads(told.stdout)["at"]).timestamp()
