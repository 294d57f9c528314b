"""A version that is not ours, promoted by hand: the old one serves, and all who look are told why."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression
from tests.faults.conftest import Start
from tests.faults.services import Service
from tests.faults.steady_load import SteadyLoad
from tests.serving.conftest import Project


def test_a_plain_scikit_learn_model_of_a_stranger_is_refused_and_the_old_one_serves(
    start: Start, project: Project, features: dict[str, float], tmp_path: Path
) -> None:
    model = LogisticRegression().fit(np.random.default_rng(1).normal(size=(40, 30)), [0, 1] * 20)
    mlflow.sklearn.save_model(model, tmp_path / "stranger", serialization_format="cloudpickle")
    number = str(register(project, tmp_path / "stranger"))
    service = start("--workers", "2")
    service.until_all_serve(2)
    service.until(lambda: service.health()["registry_reachable"])
    with SteadyLoad(service.port, features, callers=4) as load:
        plain_client(project).set_registered_model_alias(project.name, "staging", number)
        health = service.health_when(lambda health: health["status"] == "degraded")
        service.until(lambda: service.metric("vouch_reloads_total", outcome="refused") == 2)
        before = len(load.outcome.answers)
        load.until(before + 50)

    assert health["reasons"] == [
        f"Version {number} was not loaded: The version has no contract.json, so nothing says what it takes. "
        "Version 1 keeps serving."
    ]
    assert load.outcome.statuses == {200}
    assert all(b'"model_version":"1"' in body for _, body in load.outcome.answers)
    assert served(service) == {"1": 2}
    (refused,) = service.events("model-refused")
    assert refused["model_version"] == number
    assert "has no contract.json" in refused["message"]
    assert str(tmp_path) not in service.get("/health").text

    project.promote("2")
    service.until_all_serve(2, "2")
    assert service.health()["status"] == "ok"
    assert service.metric("vouch_reloads_total", outcome="refused") == 2


def test_a_refusal_is_counted_by_workers_that_were_there_and_not_by_those_that_come_later(
    start: Start, project: Project, tmp_path: Path
) -> None:
    service = start()
    number = project.add_version(lambda folder: (folder / "contract.json").unlink(), tmp_path / "source")
    project.promote(str(number))
    service.until(lambda: service.metric("vouch_reloads_total", outcome="refused") == 1)
    assert service.metric("vouch_reloads_total", outcome="loaded") == 1
    later = start()
    later.until(lambda: later.health()["status"] == "degraded")

    assert later.version() == "1"
    assert later.metric("vouch_reloads_total", outcome="refused") == 0


def plain_client(project: Project) -> MlflowClient:
    """What somebody uses who knows nothing of vouchml."""
    return MlflowClient(project.settings.tracking_uri, project.settings.tracking_uri)


def register(project: Project, source: Path) -> int:
    version = plain_client(project).create_model_version(project.name, source.as_uri())
    return int(version.version)


def served(service: Service) -> dict[str, float]:
    samples = service.samples("vouch_model_served")
    return {sample.labels["version"]: sample.value for sample in samples}
