"""A version that did not arrive whole never replaces the one that serves, and leaves nothing in the cache."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from tests.faults.conftest import Start
from tests.faults.services import MlflowServer, Service
from tests.serving.conftest import Project

BALLAST_BYTES = 96 * 1024 * 1024


def remove_the_contract(folder: Path) -> None:
    (folder / "contract.json").unlink()


def cut_the_golden_rows(folder: Path) -> None:
    content = (folder / "golden.json").read_bytes()
    (folder / "golden.json").write_bytes(content[: len(content) // 2])


def cut_the_model(folder: Path) -> None:
    content = (folder / "affine.json").read_bytes()
    (folder / "affine.json").write_bytes(content[: len(content) // 2])


def remove_everything(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def add_ballast(folder: Path) -> None:
    with (folder / "ballast.bin").open("wb") as file:
        for _ in range(BALLAST_BYTES // 1024**2):
            file.write(os.urandom(1024) * 1024)


DEFECTS = [
    (remove_the_contract, "has no contract.json"),
    (cut_the_golden_rows, "golden.json is not a list of golden rows"),
    (cut_the_model, "affine.json is not an affine form"),
    (remove_everything, "holds no files"),
]


def test_artifacts_that_were_lost_or_cut_are_refused_and_mended_ones_are_taken(
    start: Start, project: Project, tmp_path: Path
) -> None:
    service = start()
    source = tmp_path / "source"
    for spoil, reason in DEFECTS:
        source = tmp_path / spoil.__name__
        number = project.add_version(spoil, source)
        project.promote(str(number))
        said = f"Version {number} was not loaded"
        health = service.health_when(partial(says, said))
        assert reason in health["reasons"][0]
        assert (health["status"], health["model_version"]) == ("degraded", "1")

    project.registry.fetch(project.registry.version(project.name, "1"), source)
    project.registry.client.set_model_version_tag(project.name, str(number), "mended", "yes")
    service.until(lambda: service.version() == str(number))
    assert service.health()["status"] == "ok"
    assert fetching(service) == []
    assert service.metric("vouch_reloads_total", outcome="refused") == len(DEFECTS)


def test_a_fetch_that_is_cut_off_by_the_death_of_mlflow_is_done_again_when_it_is_back(
    start: Start, project: Project, bulky: str, mlflow_server: MlflowServer
) -> None:
    service = start(tracking_uri=mlflow_server.url)
    stop_in_the_middle(service, mlflow_server, bulky)
    mlflow_server.kill()
    service.until(lambda: "Version 1 keeps serving" in service.reasons())
    assert service.version() == "1"
    service.until(lambda: fetching(service) == [])

    mlflow_server.start()
    service.until(lambda: service.version() == bulky)
    assert service.health()["status"] == "ok"
    assert (bundle_of(service) / "ballast.bin").stat().st_size == BALLAST_BYTES


def test_what_a_watcher_has_left_that_was_killed_in_the_middle_of_a_fetch_is_removed_by_the_next(
    start: Start, project: Project, bulky: str, mlflow_server: MlflowServer
) -> None:
    service = start("--workers", "2", tracking_uri=mlflow_server.url)
    stop_in_the_middle(service, mlflow_server, bulky)
    (left,) = fetching(service)
    os.kill(service.until_watching(), signal.SIGKILL)
    mlflow_server.send(signal.SIGCONT)

    service.until(lambda: service.serving(bulky) == 2)
    assert not left.exists()
    assert fetching(service) == []
    assert (bundle_of(service) / "ballast.bin").stat().st_size == BALLAST_BYTES


@pytest.fixture
def bulky(mlflow_server: MlflowServer, project: Project, tmp_path: Path) -> str:
    """A version that takes a while to fetch, in the artifact store of the server."""
    client = MlflowClient(mlflow_server.url, mlflow_server.url)
    folder = tmp_path / "bulky"
    project.add_version(add_ballast, folder)
    run = client.create_run(client.create_experiment("bulky")).info
    client.log_artifacts(run.run_id, str(folder), "model")
    version = client.create_model_version(project.name, f"{run.artifact_uri}/model", run_id=run.run_id)
    return str(version.version)


def stop_in_the_middle(service: Service, mlflow_server: MlflowServer, version: str) -> None:
    """Promote the version, and stop MLflow where it is when the ballast has begun to arrive."""
    service.until(lambda: service.version() == "1" and service.health()["status"] == "ok")
    service.project.promote(version)
    service.until(lambda: any(file.stat().st_size for folder in fetching(service) for file in ballast(folder)))
    mlflow_server.send(signal.SIGSTOP)
    sizes = [file.stat().st_size for folder in fetching(service) for file in ballast(folder)]
    assert len(sizes) == 1
    assert sizes[0] < BALLAST_BYTES, "it was quicker than this test"


def says(words: str, health: dict[str, Any]) -> bool:
    return words in str(health["reasons"])


def ballast(folder: Path) -> list[Path]:
    return list(folder.rglob("*ballast.bin*"))


def fetching(service: Service) -> list[Path]:
    return list((service.private / "bundles").glob(".fetching-*"))


def bundle_of(service: Service) -> Path:
    digest: str = service.get("/model-info").json()["model_digest"]
    return service.private / "bundles" / digest
