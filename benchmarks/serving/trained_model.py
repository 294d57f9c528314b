"""The model that every contender serves: trained once with vouchml, in a project of its own under the cache."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.machine import REPOSITORY, bench_environment

DATA = "data/breast_cancer.csv"


@dataclass(frozen=True)
class ModelVersion:
    """One version of the model; its probabilities are scikit-learn's own, one for each row of the table."""

    number: str
    run_id: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class TrainedModel:
    """The project, its two versions (the first is promoted) and the rows that are sent."""

    project: Path
    export: Path
    registered_model: str
    stage: str
    tracking_uri: str
    names: tuple[str, ...]
    positive_index: int
    positive_label: str
    negative_label: str
    threshold: float
    rows: tuple[tuple[float, ...], ...]
    versions: tuple[ModelVersion, ModelVersion]

    @property
    def first_row(self) -> tuple[float, ...]:
        """The row that the load sends."""
        return self.rows[0]

    @property
    def expected(self) -> float:
        """The probability of the positive class for the first row, by the version that is promoted."""
        return self.versions[0].probabilities[0]

    def named(self, row: tuple[float, ...]) -> dict[str, float]:
        """A row as the object that most contenders take."""
        return dict(zip(self.names, row, strict=True))

    def label(self, probability: float) -> str:
        """What the contract calls the answer."""
        return self.positive_label if probability >= self.threshold else self.negative_label


def train_once(folder: Path) -> TrainedModel:
    """Make a project in `folder`, which is removed first, and train two versions in it."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / DATA).parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / "vouch.toml", folder)
    shutil.copy(REPOSITORY / DATA, folder / DATA)
    export = folder / "model.json"
    program = "benchmarks.serving.programs.train_and_export"
    done = subprocess.run(
        [sys.executable, "-m", program, str(folder / "vouch.toml"), str(export)],
        env=bench_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"The training failed:\n{done.stderr.strip()}")
    return _read(folder, export)


def _read(folder: Path, export: Path) -> TrainedModel:
    document: dict[str, Any] = json.loads(export.read_text(encoding="utf-8"))
    first, second = document["versions"]
    positive = first["positive_index"]
    return TrainedModel(
        project=folder,
        export=export,
        registered_model=document["registered_model"],
        stage=document["stage"],
        tracking_uri=document["tracking_uri"],
        names=tuple(first["names"]),
        positive_index=positive,
        positive_label=first["labels"][positive],
        negative_label=first["labels"][1 - positive],
        threshold=first["threshold"],
        rows=tuple(tuple(row) for row in document["rows"]),
        versions=(_version(first), _version(second)),
    )


def _version(entry: dict[str, Any]) -> ModelVersion:
    return ModelVersion(entry["number"], entry["run_id"], tuple(entry["probabilities"]))
