"""A disk that fills up: what could not be written is told, and what was begun is not left as if it went on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from vouchml.errors import FolderNotWritable
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings, TrainingSettings, load_settings, sqlite_file
from vouchml.training import train

REPOSITORY = Path(__file__).resolve().parents[2]
QUICK = TrainingSettings(cv_folds=2, bootstrap_resamples=100)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MiB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32M", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("only who may mount a file system can fill one up")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def project(small_disk: Path) -> Settings:
    (small_disk / "data").mkdir()
    shutil.copy(REPOSITORY / "vouch.toml", small_disk)
    shutil.copy(REPOSITORY / "data" / "breast_cancer.csv", small_disk / "data")
    return load_settings(small_disk / "vouch.toml").model_copy(update={"training": QUICK})


def fill(disk: Path, *, leave: int = 0) -> None:
    """Write until nothing more goes, then give `leave` bytes back."""
    file = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError:
        os.truncate(file, max(0, os.fstat(file).st_size - leave))
    finally:
        os.close(file)


@contextmanager
def filled_when_a_run_writes_its_first_file(settings: Settings) -> Iterator[None]:
    """Fill the disk as soon as the folder of a new run appears."""
    experiment = settings.root / "mlruns" / "breast_cancer"
    before, over = set(experiment.glob("*/artifacts")), threading.Event()

    def watch() -> None:
        while not over.wait(0.001):
            if set(experiment.glob("*/artifacts")) - before:
                fill(settings.root)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def test_too_little_space_is_told_before_the_work_and_leaves_nothing(project: Settings) -> None:
    fill(project.root, leave=10 * 2**20)
    with pytest.raises(FolderNotWritable, match=r"10\.0 MiB are left at") as caught:
        train(project, progress=pytest.fail)
    assert "Free some space" in caught.value.remedy
    assert sorted(path.name for path in project.root.iterdir()) == ["data", "filler", "vouch.toml"]


def test_a_disk_that_fills_up_while_a_run_is_logged_leaves_a_failed_run_without_files(project: Settings) -> None:
    first = train(project)
    with filled_when_a_run_writes_its_first_file(project), pytest.raises(FolderNotWritable) as caught:
        train(project)
    assert "No space left" in caught.value.message or "disk is full" in caught.value.message
    assert "\n" not in caught.value.message
    assert "Free some space" in caught.value.remedy
    registry = ModelRegistry.connect(project.tracking_uri)
    experiment = registry.client.get_experiment_by_name("breast_cancer").experiment_id
    runs = {run.info.run_id: run.info.status for run in registry.client.search_runs([experiment])}
    assert runs.pop(first.run_id) == "FINISHED"
    assert list(runs.values()) == ["FAILED"]
    assert not (project.root / "mlruns" / "breast_cancer" / next(iter(runs))).exists()
    assert {str(model.status) for model in registry.client.search_logged_models([experiment])} <= {"READY", "FAILED"}
    assert registry.versions("breast_cancer_classifier") == (first.version,)


def test_a_disk_that_fills_up_while_the_database_is_made_leaves_none_and_the_next_training_makes_it(
    project: Settings,
) -> None:
    with pytest.raises(FolderNotWritable, match="disk is full"):
        train(project, progress=lambda step: fill(project.root, leave=400_000) if step.startswith("Logging") else None)
    database = sqlite_file(project.tracking_uri)
    assert database is not None
    assert not database.exists()
    assert not [path for path in project.root.iterdir() if "mlflow" in path.name]
    (project.root / "filler").unlink()
    version = train(project).version
    assert version is not None
    assert version.number == 1


def test_a_promotion_on_a_full_disk_changes_nothing_and_says_why_in_one_line(
    project: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    train(project)
    registry = ModelRegistry.connect(project.tracking_uri)
    fill(project.root)
    capfd.readouterr()
    with pytest.raises(FolderNotWritable, match="disk is full") as caught:
        registry.promote("breast_cancer_classifier", "1", stage="Staging", who="Ada", why="because")
    assert "Free some space" in caught.value.remedy
    assert capfd.readouterr() == ("", "")  # MLflow writes a stack trace unless it is told not to
    assert registry.pointer("breast_cancer_classifier", "Staging").version is None
    database = sqlite_file(project.tracking_uri)
    assert database is not None
    with closing(sqlite3.connect(database)) as whole:
        assert whole.execute("PRAGMA integrity_check").fetchone() == ("ok",)
