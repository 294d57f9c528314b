"""MLflow killed, hanging or not there: the version that serves goes on, /health says so, and it is followed again."""

from __future__ import annotations

import shutil
import signal

import pytest
from tests.faults.conftest import Start
from tests.faults.services import MlflowServer, came_and_go
from tests.faults.steady_load import SteadyLoad
from tests.serving.conftest import Project


def test_while_mlflow_is_dead_the_version_serves_and_when_it_is_back_it_is_followed(
    start: Start, mlflow_server: MlflowServer, features: dict[str, float]
) -> None:
    service = start(tracking_uri=mlflow_server.url)
    service.until(lambda: service.health()["registry_reachable"])
    assert service.health()["status"] == "ok"
    with SteadyLoad(service.port, features, callers=4) as load:
        mlflow_server.kill()
        health = service.health_when(lambda health: health["registry_reachable"] is False)
        before = len(load.outcome.answers)
        mlflow_server.start()
        service.until(lambda: service.health()["status"] == "ok")
        mlflow_server.project.promote("2")
        service.until(lambda: service.version() == "2")
        outcome = load.stop()

    assert health["status"] == "degraded"
    assert health["model_loaded"]
    assert health["reasons"] == [
        "The registry cannot be read: No MLflow server answers at (named in the log). Version 1 keeps serving."
    ]
    assert outcome.statuses == {200}
    assert outcome.lost == []
    assert len(outcome.answers) > before
    assert len(service.events("registry-unreachable")) == 1


def test_while_mlflow_hangs_the_version_serves_and_when_it_goes_on_it_is_followed(
    start: Start, mlflow_server: MlflowServer, features: dict[str, float]
) -> None:
    service = start(tracking_uri=mlflow_server.url)
    service.until(lambda: service.health()["registry_reachable"])
    mlflow_server.send(signal.SIGSTOP)
    service.until(lambda: service.health()["registry_reachable"] is False)

    assert service.predict(features).json()["model_version"] == "1"

    mlflow_server.send(signal.SIGCONT)
    mlflow_server.project.promote("2")
    service.until(lambda: service.version() == "2" and service.health()["status"] == "ok")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_starts_from_its_cache_when_the_registry_is_down_and_says_so(
    start: Start, project: Project, features: dict[str, float], workers: int
) -> None:
    shutil.move(project.database, project.database.with_name("away.db"))
    service = start("--workers", str(workers))
    health = service.health_when(lambda health: health["registry_reachable"] is False)
    answer = service.predict(features).json()
    shutil.move(project.database.with_name("away.db"), project.database)
    service.until(lambda: service.health()["status"] == "ok" and not service.warnings())

    assert health["status"] == "degraded"
    assert health["reasons"] == ["The registry cannot be read: There is no mlflow.db yet. Version 1 keeps serving."]
    assert came_and_go(health) == ["Version 1 comes from the cache: the registry has not answered since the start."]
    assert answer["model_version"] == "1"


def test_without_a_cache_and_a_registry_it_answers_why(
    start: Start, cold_project: Project, features: dict[str, float]
) -> None:
    shutil.move(cold_project.database, cold_project.database.with_name("away.db"))
    service = start(ready=False)
    service.until(lambda: service.health().get("registry_reachable") is False)
    reply = service.predict(features)
    shutil.move(cold_project.database.with_name("away.db"), cold_project.database)

    assert reply.status_code == 503
    assert "There is no mlflow.db yet" in reply.json()["detail"]["message"]
    assert reply.headers["Retry-After"] == "1"
    service.until_ready()
