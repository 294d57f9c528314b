"""A stranger with the manifest and the table of a run makes it again, and gets the same model to the last bit."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest
import skops.io
from tests.cli.processes import run

from vouchml.data import read_table
from vouchml.model import load_scorer, open_bundle
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "breast_cancer_classifier"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
MANY_THREADS = {"OMP_NUM_THREADS": "5", "OPENBLAS_NUM_THREADS": "7"}


@dataclass(frozen=True)
class Made:
    """A training in a process of its own: what it printed, and the files of the version that came of it."""

    folder: Path
    printed: dict[str, Any]
    version: Path


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def vouch(folder: Path, *arguments: str, **environment: str) -> Any:
    told = run(*arguments, "--json", cwd=folder, **environment)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def store(folder: Path) -> str:
    return f"sqlite:///{str(folder / 'mlflow.db').replace(' ', '%20')}"


def made(folder: Path, printed: dict[str, Any], files: Path) -> Made:
    registry = ModelRegistry.connect(store(folder))
    files.mkdir()
    registry.fetch(registry.version(NAME, "1"), files)
    return Made(folder, printed, files)


@pytest.fixture(scope="module")
def first(make_project: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Trained on one thread in a committed project with a lock; registered by a command of its own."""
    folder = make_project().root
    (folder / "requirements").mkdir()
    shutil.copy(REPOSITORY / "requirements" / "trainer.lock", folder / "requirements")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a project")
    printed = vouch(folder, "train", "--no-register", "--quiet", **ONE_THREAD)
    assert printed["version"] is None
    registered = vouch(folder, "registry", "register", printed["run_id"])
    assert (registered["version"], registered["run_id"]) == (1, printed["run_id"])
    return made(folder, printed, tmp_path_factory.mktemp("first") / "files")


@pytest.fixture(scope="module")
def again(first: Made, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made again on many threads in a folder that holds nothing but the manifest and the table."""
    folder = tmp_path_factory.mktemp("a stranger")
    client = mlflow.MlflowClient(store(first.folder))
    client.download_artifacts(first.printed["run_id"], "run_manifest.json", str(folder))
    (folder / "data").mkdir()
    shutil.copy(first.folder / "data" / "breast_cancer.csv", folder / "data")
    printed = vouch(folder, "train", "--from-manifest", "run_manifest.json", "--quiet", **MANY_THREADS)
    return made(folder, printed, tmp_path_factory.mktemp("again") / "files")


def run_of(made: Made) -> Any:
    return mlflow.MlflowClient(store(made.folder)).get_run(made.printed["run_id"])


def test_the_run_made_again_says_that_it_is_the_same(first: Made, again: Made) -> None:
    compared = again.printed["rerun"]
    assert compared["recorded_run_id"] == first.printed["run_id"]
    assert (compared["same"], compared["differences"]) == (True, [])
    # The lock is not in the stranger's folder, and that is all that is other.
    assert [each["place"] for each in compared["other_surroundings"]] == ["environment.lock_sha256"]


def test_both_logged_the_same_parameters_and_metrics_to_the_last_bit(first: Made, again: Made) -> None:
    ours, theirs = run_of(first).data, run_of(again).data
    assert ours.metrics == theirs.metrics
    assert ours.params == theirs.params
    assert len(ours.metrics) >= 40


def test_both_models_give_the_same_probabilities_to_the_last_bit(first: Made, again: Made, project: Settings) -> None:
    rows = read_table(project.data_path, project.data).values
    for score in (
        lambda folder: load_scorer(open_bundle(folder)).positive_probability(rows),
        lambda folder: skops.io.load(folder / "model.skops")[-1].coef_,
        lambda folder: skops.io.load(folder / "model.skops")[0].scale_,
    ):
        assert score(first.version).tobytes() == score(again.version).tobytes()


@pytest.mark.parametrize("name", ["contract.json", "model.onnx", "input_example.json", "requirements.txt"])
def test_a_file_of_both_versions_has_the_same_bytes(first: Made, again: Made, name: str) -> None:
    assert (first.version / name).read_bytes() == (again.version / name).read_bytes()


def test_the_run_names_the_commit_the_lock_and_the_threads(first: Made, again: Made) -> None:
    tags = run_of(first).data.tags
    lock = REPOSITORY / "requirements" / "trainer.lock"
    assert tags["vouch.git_commit"] == git(first.folder, "rev-parse", "HEAD")
    assert tags["vouch.git_state"] == "clean"
    assert tags["vouch.lock_sha256"] == hashlib.sha256(lock.read_bytes()).hexdigest()
    assert tags["vouch.env.OPENBLAS_NUM_THREADS"] == "1"
    assert "threads=1" in tags["vouch.threads"]
    theirs = run_of(again).data.tags
    assert theirs["vouch.env.OPENBLAS_NUM_THREADS"] == "7"
    assert theirs["vouch.git_state"] == "none"


def test_a_table_that_was_changed_and_a_result_that_is_other_end_with_a_status(again: Made, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table = (again.folder / "data" / "breast_cancer.csv").read_text(encoding="utf-8")
    manifest = json.loads((again.folder / "run_manifest.json").read_bytes())
    manifest["evaluation"]["metrics"]["log_loss"]["value"] *= 1 + 1e-15
    (tmp_path / "run_manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "data" / "breast_cancer.csv").write_text(table.replace("17.99", "17.98", 1), encoding="utf-8")
    told = run("train", "--from-manifest", "run_manifest.json", "--quiet", cwd=tmp_path)
    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr.startswith("error: data/breast_cancer.csv is not the table of run ")
    (tmp_path / "data" / "breast_cancer.csv").write_text(table, encoding="utf-8")
    told = run("train", "--from-manifest", "run_manifest.json", "--quiet", "--no-register", cwd=tmp_path)
    assert (told.returncode, told.stderr) == (1, "")
    assert f"not the same as run {manifest['run_id']}" in told.stdout
    assert "evaluation.metrics.log_loss.value: recorded 0." in told.stdout
