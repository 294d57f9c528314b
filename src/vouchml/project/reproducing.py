"""Train a version again from the manifest of its run, in a folder and an MLflow of its own, and say how close it came.

```python
made = reproduce(load_settings(), "3")
made.reproduction.level, made.reproduction.first_difference
```
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from vouchml.data import read_table, split_rows
from vouchml.errors import TableChanged, VersionNotFound
from vouchml.governance.judged_rows import JudgedRows, Manifest, find_judged_rows
from vouchml.governance.reproduce import Answers, Pair, Reproduction, Stage, StageName, judge_levels
from vouchml.governance.reproduce_files import compare_files
from vouchml.model import Bundle, load_scorer, open_bundle
from vouchml.project.surroundings import Surrounding, surroundings
from vouchml.project.trained_files import TrainedFiles, fetch_trained
from vouchml.registry import ModelRegistry, Version
from vouchml.settings import Settings
from vouchml.settings.settings import sqlite_uri
from vouchml.training.environment import describe_environment
from vouchml.training.recorded_run import RecordedRun, read_manifest
from vouchml.training.rerun import Rerun, require_recorded_table, run_again


@dataclass(frozen=True)
class Reproduced:
    """A version that was trained again, and what came of it."""

    version: Version
    run_id: str
    model_digest: str
    reproduction: Reproduction
    surroundings: tuple[Surrounding, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.version.name,
            "version": self.version.number,
            "run_id": self.run_id,
            "model_digest": self.model_digest,
            **self.reproduction.to_dict(),
            "surroundings": [asdict(each) for each in self.surroundings],
        }


def reproduce(settings: Settings, reference: str, *, progress: Callable[[str], None] = lambda _: None) -> Reproduced:
    """Train the version that `reference` names again. Nothing is logged or registered in the project's MLflow.

    Raises:
        RegistryUnreachable, VersionNotFound, BundleInvalid: the version cannot be had.
        EvidenceMissing, EvidenceMismatch, SettingsInvalid: its run has no manifest, or one that is about another model.
        TableUnreadable: the table is not there.
        VouchError: the recorded settings cannot be trained with, see `train`.
    """
    progress("Reaching MLflow")
    registry = ModelRegistry.connect(settings.tracking_uri)
    version = registry.version(settings.project.registered_model, reference)
    with TemporaryDirectory(prefix="vouch-reproduce-") as name:
        place = Path(name)
        trained = fetch_trained(registry, version, place / "recorded")
        recorded = _apart(read_manifest(trained.manifest_path, root=settings.root, base=settings), place / "now")
        around = surroundings(
            recorded.manifest, {"environment": describe_environment(recorded.settings.root).to_dict()}
        )
        return Reproduced(
            version=version,
            run_id=recorded.run_id,
            model_digest=trained.bundle.digest,
            reproduction=_reproduction(settings, trained, recorded, around, place, progress),
            surroundings=around,
        )


def _apart(recorded: RecordedRun, place: Path) -> RecordedRun:
    """The same run, to be logged to an MLflow in `place`, whatever the environment says."""
    place.mkdir()
    store = {"tracking_uri": sqlite_uri(place.resolve() / "mlflow.db"), "artifacts": str(place.resolve() / "mlruns")}
    project = recorded.settings.project.model_copy(update=store)
    return replace(recorded, settings=recorded.settings.model_copy(update={"project": project}))


def _reproduction(
    settings: Settings,
    trained: TrainedFiles,
    recorded: RecordedRun,
    around: tuple[Surrounding, ...],
    place: Path,
    progress: Callable[[str], None],
) -> Reproduction:
    progress("Comparing the table and the split with the recorded ones")
    manifest = trained.manifest
    data, environment = _data(recorded), _environment(around)
    if not data.same:
        return Reproduction((data, environment, *_not_reached("split", "fit", "score")))
    split = _split(recorded, manifest)
    if not split.same:
        return Reproduction((data, environment, split, *_not_reached("fit", "score")))
    rows = find_judged_rows(recorded.settings.data_path, manifest, trained.bundle, of=trained.title)
    again = run_again(recorded, progress=lambda step: progress(f"In a folder apart: {step}"))
    progress("Comparing the models")
    bundle = _made_version(recorded.settings, again, place / "files")
    files = compare_files(trained.bundle.folder, bundle.folder)
    digest = str(recorded.manifest.get("test_probabilities_sha256"))
    digest_now = str(again.trained.manifest["test_probabilities_sha256"])
    fit = Stage("fit", files.identical, files.recorded_digest, files.digest_now, _named(files.differing))
    score = Stage("score", digest == digest_now, digest, digest_now)
    pair = Pair(
        files=files,
        is_positive=rows.is_positive(trained.bundle.contract.positive.value),
        recorded=_answers(trained.bundle, rows),
        now=_answers(bundle, rows),
        recorded_metrics=_values(manifest.evaluation),
        metrics_now=_values(again.trained.evaluation.to_dict()),
        digests_agree=digest == digest_now,
    )
    return Reproduction((data, environment, split, fit, score), judge_levels(pair, settings.policy))


def _data(recorded: RecordedRun) -> Stage:
    try:
        require_recorded_table(recorded)
    except TableChanged as error:
        with recorded.settings.data_path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        return Stage("data", False, recorded.data_sha256, found, error.message)
    return Stage("data", True, recorded.data_sha256, recorded.data_sha256)


def _environment(around: tuple[Surrounding, ...]) -> Stage:
    counted = [each.place.removeprefix("environment.") for each in around if each.counts]
    found = f"{len(counted)} places differ" if counted else "the same"
    return Stage("environment", not counted, "as recorded", found, ", ".join(counted))


def _split(recorded: RecordedRun, manifest: Manifest) -> Stage:
    settings = recorded.settings
    table = read_table(settings.data_path, settings.data)
    training = settings.training
    split = split_rows(table, test_size=training.test_size, random_state=training.random_state)
    before = (manifest.split.train_rows_sha256, manifest.split.test_rows_sha256)
    now = (split.train_rows_sha256, split.test_rows_sha256)
    return Stage("split", before == now, " ".join(before), " ".join(now))


def _not_reached(*names: StageName) -> tuple[Stage, ...]:
    return tuple(Stage(name, None, "", "") for name in names)


def _named(files: tuple[str, ...]) -> str:
    return f"other bytes: {', '.join(files)}" if files else ""


def _made_version(settings: Settings, again: Rerun, folder: Path) -> Bundle:
    """The files that came of the training, from the MLflow that it was logged to."""
    folder.mkdir()
    version = again.trained.version
    if version is None:
        raise VersionNotFound("The training that was made again registered no version.")
    ModelRegistry.connect(settings.tracking_uri).fetch(version, folder)
    return open_bundle(folder)


def _answers(bundle: Bundle, rows: JudgedRows) -> Answers:
    p = np.asarray(load_scorer(bundle).positive_probability(np.ascontiguousarray(rows.values)), dtype=np.float64)
    return Answers(p, bundle.contract.threshold)


def _values(evaluation: Mapping[str, Any]) -> dict[str, float]:
    metrics = evaluation.get("metrics")
    values = {name: each.get("value") for name, each in metrics.items()} if isinstance(metrics, Mapping) else {}
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
