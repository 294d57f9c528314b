"""The version changes under a thousand requests a second: no error, and no answer that mixes two."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest
from benchmarks.serving.constant_rate import Answer, ConstantRate
from mlflow import MlflowClient
from tests.cli.processes import run
from tests.faults.conftest import Start
from tests.faults.services import MlflowServer, Service
from tests.serving.conftest import Project

from vouchml.model import load_scorer, open_bundle
from vouchml.registry.stages import quiet_about_stages

REQUESTS_A_SECOND = 1000
FOLLOWS_WITHIN_SECONDS = 5.0 * float(os.environ.get("SLOWNESS", "1"))
POLL_SECONDS = 2.0
SECRET = "a secret of at least thirty characters"

Expected = dict[str, tuple[str | None, float]]


@pytest.fixture
def expected(project: Project, features: dict[str, float], tmp_path: Path) -> Expected:
    """The run and the probability of each version."""
    found: Expected = {}
    for number in ("1", "2"):
        version = project.registry.version(project.name, number)
        folder = tmp_path / f"version {number}"
        folder.mkdir()
        project.registry.fetch(version, folder)
        scorer = load_scorer(open_bundle(folder))
        found[number] = (version.run_id, scorer.positive_probability_of_one(np.array(list(features.values()))))
    assert len(set(found.values())) == 2
    return found


@contextmanager
def steady(service: Service, features: dict[str, float]) -> Iterator[list[Answer]]:
    """A thousand requests a second, until it is left."""
    body = json.dumps({"features": features}).encode()
    load = ConstantRate(service.port, "/predict", body, rate=REQUESTS_A_SECOND)
    thread = threading.Thread(target=lambda: asyncio.run(load.run()))
    began = time.monotonic()
    thread.start()
    try:
        service.until(lambda: len(load.answers) > 100)
        yield load.answers
    finally:
        load.stop()
        thread.join()
        print(f"{len(load.answers)} answers, {len(load.answers) / (time.monotonic() - began):.0f} a second")


@pytest.mark.parametrize("workers", [1, 2])
def test_alias_stage_promotion_and_rollback_are_live_within_seconds_on_every_worker(
    start: Start, project: Project, features: dict[str, float], expected: Expected, workers: int
) -> None:
    service = start("--workers", str(workers), poll_seconds=POLL_SECONDS)
    service.until_all_serve(workers)
    service.until(lambda: service.health()["registry_reachable"] and not service.warnings())
    client = MlflowClient(project.settings.tracking_uri, project.settings.tracking_uri)

    def move_the_stage() -> None:
        with quiet_about_stages():
            client.transition_model_version_stage(project.name, "2", "Staging", archive_existing_versions=True)

    def roll_back() -> None:
        told = run("registry", "rollback", "--why", "it was better", "--who", "Ada", cwd=project.settings.root)
        assert told.returncode == 0, told.stderr

    moves: list[tuple[str, Callable[[], object]]] = [
        ("2", lambda: client.set_registered_model_alias(project.name, "staging", "2")),
        ("1", lambda: project.promote("1")),
        ("2", move_the_stage),
        ("1", roll_back),
    ]
    taken = []
    with steady(service, features) as answers:
        for version, move in moves:
            move()
            taken.append(service.until(partial(all_serve, service, version, workers)))
    print("live after", ", ".join(f"{seconds:.2f} s" for seconds in taken))

    assert max(taken) <= FOLLOWS_WITHIN_SECONDS
    assert {answer.status for answer in answers} == {200}
    said = [json.loads(answer.body) for answer in answers]
    for answer in said:
        given = (answer["source_run_id"], answer["probability_positive_class"])
        assert given == expected[answer["model_version"]]
    assert {answer["model_version"] for answer in said} == {"1", "2"}
    assert service.metric("vouch_reloads_total", outcome="loaded") == workers * (1 + len(moves))
    if workers == 1:
        assert [version for version, _ in itertools.groupby(answer["model_version"] for answer in said)] == list(
            "12121"
        )


def test_a_webhook_of_mlflow_makes_a_version_live_at_once(
    start: Start, mlflow_server: MlflowServer, features: dict[str, float]
) -> None:
    service = start(
        tracking_uri=mlflow_server.url, poll_seconds=3600, environment={"VOUCH_SERVING__WEBHOOK_SECRET": SECRET}
    )
    hook = f"{service.url}/webhooks/mlflow"
    client = MlflowClient(mlflow_server.url, mlflow_server.url)
    client.create_webhook("vouchml", hook, ["model_version_alias.created"], secret=SECRET)
    for version in ("2", "1"):
        client.set_registered_model_alias(mlflow_server.project.name, "staging", version)
        taken = service.until(partial(all_serve, service, version, 1))
        print(f"version {version} was live {taken:.2f} s after MLflow had answered")

    forged = httpx.post(hook, json={"entity": "model_version_alias"}, headers=signed_by_somebody_else())
    assert forged.status_code == 401
    assert forged.json()["detail"]["code"] == "webhook-refused"


def all_serve(service: Service, version: str, workers: int) -> bool:
    return service.serving(version) == workers


def signed_by_somebody_else() -> dict[str, str]:
    return {
        "X-MLflow-Delivery-Id": secrets.token_hex(8),
        "X-MLflow-Timestamp": str(int(time.time())),
        "X-MLflow-Signature": "v1,bm90aGluZw==",
    }
