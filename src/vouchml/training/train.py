"""Train: table → fingerprint → checks → split → fit → evaluate → export → one MLflow run → one registered version.

Everything is computed before anything is logged, and registered only when all of it is logged, so that a failure
leaves nothing half-registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vouchml.data import Split, Table, check_leakage, check_unseen, label_of, read_table, split_rows
from vouchml.errors import DependencyMissing, RegistryUnreachable, VersionNotFound
from vouchml.model import Contract, Feature, LabelledClass
from vouchml.model.golden import GOLDEN_FILE, choose_golden_rows
from vouchml.registry import ModelRegistry, Version, prepare_mlflow
from vouchml.registry.reachability import require_store
from vouchml.registry.sqlite_database import is_new
from vouchml.settings import Settings, sqlite_file
from vouchml.training.artifacts import write_artifacts
from vouchml.training.environment import Environment, describe_environment, single_threaded_linear_algebra
from vouchml.training.evaluation import Evaluation, evaluate
from vouchml.training.flavor import ModelFiles
from vouchml.training.forms import FORMS, ExportFailed, FormName, export_forms
from vouchml.training.manifest import build_manifest, training_digest
from vouchml.training.metrics import Floats
from vouchml.training.parity import Parity, check_parity
from vouchml.training.places import require_writable
from vouchml.training.raw_frame import raw_frame
from vouchml.training.tracking import LoggedRun, RunContent, log_run

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

TRAINING_TAG = "vouch.training_sha256"
DATA_TAG = "data_sha256"


@dataclass(frozen=True)
class TrainedVersion:
    """What came of one training, and its manifest. `version` is None when it was not to be registered."""

    run_id: str
    version: Version | None
    evaluation: Evaluation
    parity: Parity
    data_sha256: str
    warnings: tuple[str, ...]
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline with what was learnt about it before anything is logged.

    `test_probabilities` are those of the positive class that the evaluation is about.
    """

    pipeline: Pipeline
    frame: pd.DataFrame
    contract: Contract
    files: Mapping[str, bytes]
    evaluation: Evaluation
    test_probabilities: Floats
    parity: Parity
    warnings: tuple[str, ...]


def train(
    settings: Settings, *, register: bool = True, progress: Callable[[str], None] = lambda _: None
) -> TrainedVersion:
    """Train on the table of `settings`, log one run to MLflow and, with `register`, add one version.

    `progress` is called with the name of each step as it begins.

    Raises:
        TableUnreadable, TableInvalid, LeakageFound: the table cannot be trained on.
        TrainingRefused: the estimator or its parameters cannot be used.
        RegistryUnreachable, FolderNotWritable: MLflow cannot be reached or written.
    """
    started = datetime.now(UTC)
    # What is found out quickly comes first: MLflow alone takes seconds to load.
    require_writable(settings)
    require_store(settings.tracking_uri, create=True)
    progress("Reading and checking the table")
    table = read_table(settings.data_path, settings.data)
    split = split_rows(table, test_size=settings.training.test_size, random_state=settings.training.random_state)
    check_unseen(table, split, settings.data)
    check_leakage(table, split)
    _new_pipeline(settings, ())
    # A store that would refuse the run does so before the work; a new one is not made for a training that fails.
    if not _database_is_new(settings):
        progress("Reaching MLflow")
        connect_for_writing(settings)
    progress("Fitting and evaluating")
    environment = describe_environment(settings.root)
    with single_threaded_linear_algebra():
        fitted = fit_and_evaluate(settings, table, split, progress)
    progress("Logging to MLflow")
    manifest = build_manifest(
        settings=settings,
        table=table,
        split=split,
        environment=environment,
        contract=fitted.contract,
        evaluation=fitted.evaluation,
        test_probabilities=fitted.test_probabilities,
        parity=fitted.parity,
        warnings=fitted.warnings,
    )
    manifest["started"] = started.isoformat(timespec="seconds")
    registry = connect_for_writing(settings)
    run = _log(settings, table, split, fitted, environment, manifest)
    version = None
    if register:
        progress("Registering")
        tags = {TRAINING_TAG: manifest["training_sha256"], DATA_TAG: table.bytes_sha256}
        name = settings.project.registered_model
        version = registry.register(name, source=run.model_source, run_id=run.run_id, tags=tags)
    return TrainedVersion(
        run_id=run.run_id,
        version=version,
        evaluation=fitted.evaluation,
        parity=fitted.parity,
        data_sha256=table.bytes_sha256,
        warnings=fitted.warnings,
        manifest={**manifest, "run_id": run.run_id},
    )


def up_to_date_version(settings: Settings) -> Version | None:
    """The newest version that was trained on the same data, settings and libraries, if there is one.

    Raises:
        TableUnreadable, TableInvalid: the table cannot be trained on.
    """
    table = read_table(settings.data_path, settings.data)
    digest = training_digest(settings, data_sha256=table.bytes_sha256, environment=describe_environment(settings.root))
    try:
        versions = ModelRegistry.connect(settings.tracking_uri).versions(settings.project.registered_model)
    except (RegistryUnreachable, VersionNotFound):
        return None
    return next((version for version in versions if version.tags.get(TRAINING_TAG) == digest), None)


def connect_for_writing(settings: Settings) -> ModelRegistry:
    """Reach MLflow, making its SQLite database where there is none.

    Raises:
        RegistryUnreachable: MLflow does not answer.
        DependencyMissing: MLflow or scikit-learn is not installed.
    """
    prepare_mlflow()
    try:
        import mlflow.sklearn  # noqa: F401 - the skinny MLflow of the service cannot train
        import sklearn  # noqa: F401
    except ImportError as error:
        raise DependencyMissing(
            f"Training needs {error.name}, which is not installed.", remedy="pip install -r trainer/requirements.txt"
        ) from error
    return ModelRegistry.connect(settings.tracking_uri, create=True)


def fit_and_evaluate(
    settings: Settings, table: Table, split: Split, progress: Callable[[str], None] = lambda _: None
) -> Fitted:
    """Fit on the training rows, judge on the test rows, export, and compare the export with the original."""
    from vouchml.training.cross_validation import cross_validate
    from vouchml.training.estimators import fit

    model, training = settings.model, settings.training
    features = _features(table, split)
    frame = raw_frame(table.values, features)
    train_frame, test_frame = frame.iloc[split.train], frame.iloc[split.test]

    pipeline, warnings = fit(_new_pipeline(settings, features), train_frame, table.targets[split.train])
    values = [value.item() if hasattr(value, "item") else value for value in pipeline.classes_]
    classes = (_class(values[0], settings), _class(values[1], settings))
    positive_index = 0 if classes[0].label == settings.data.positive_class else 1
    positive_value = values[positive_index]

    cross_validation = cross_validate(
        lambda: _new_pipeline(settings, features),
        train_frame,
        table.targets[split.train],
        positive_value=positive_value,
        threshold=model.threshold,
        folds=training.cv_folds,
        random_state=training.random_state,
    )
    test_probabilities = pipeline.predict_proba(test_frame)[:, positive_index]
    evaluation = evaluate(
        table.targets[split.test] == positive_value,
        test_probabilities,
        labels=(classes[0].label, classes[1].label),
        positive_class=settings.data.positive_class,
        threshold=model.threshold,
        resamples=training.bootstrap_resamples,
        random_state=training.random_state,
        cross_validation=cross_validation,
    )
    progress("Exporting to other forms and comparing with scikit-learn")
    exports = export_forms(pipeline, table.values[split.train], positive_index=positive_index, features=features)
    parity = check_parity(
        pipeline,
        exports,
        table.values,
        positive_index=positive_index,
        threshold=model.threshold,
        random_state=training.random_state,
        features=features,
    )
    contract = _contract(settings, table, features, classes, parity)
    golden = choose_golden_rows(table.values[split.test], test_probabilities, count=training.golden_rows)
    return Fitted(
        pipeline=pipeline,
        frame=train_frame,
        contract=contract,
        files={**_exact_forms(exports, parity), GOLDEN_FILE: golden.to_bytes()},
        evaluation=evaluation,
        test_probabilities=test_probabilities,
        parity=parity,
        warnings=warnings,
    )


def _exact_forms(exports: Mapping[FormName, bytes | ExportFailed], parity: Parity) -> dict[str, bytes]:
    """The files of the forms that passed; the contract names one of them, and other programs may read the rest."""
    return {
        FORMS[name].file: content
        for name, content in exports.items()
        if isinstance(content, bytes) and parity.of(name).passed
    }


def _new_pipeline(settings: Settings, features: Sequence[Feature]) -> Pipeline:
    """Make the unfitted pipeline; TrainingRefused says what is wrong with the estimator or its parameters."""
    from vouchml.training.estimators import build_pipeline

    model = settings.model
    return build_pipeline(
        model.estimator, model.parameters, random_state=settings.training.random_state, features=features
    )


def _database_is_new(settings: Settings) -> bool:
    database = sqlite_file(settings.tracking_uri)
    return database is not None and is_new(database)


def _class(value: int | str, settings: Settings) -> LabelledClass:
    return LabelledClass(value=value, label=label_of(value, settings.data.labels))


def _features(table: Table, split: Split) -> tuple[Feature, ...]:
    """The columns as they are in the training rows, which `check_unseen` has found to hold every category."""
    return tuple(
        Feature(name=name, type="category", nullable=name in table.nullable, categories=table.categories[name])
        if name in table.categories
        else Feature(
            name=name, nullable=name in table.nullable, minimum=float(np.nanmin(cells)), maximum=float(np.nanmax(cells))
        )
        for name, cells in zip(table.names, table.values[split.train].T, strict=True)
    )


def _contract(
    settings: Settings,
    table: Table,
    features: tuple[Feature, ...],
    classes: tuple[LabelledClass, LabelledClass],
    parity: Parity,
) -> Contract:
    return Contract(
        features=features,
        target=settings.data.target,
        classes=classes,
        positive_class=settings.data.positive_class,
        threshold=settings.model.threshold,
        scorer=parity.scorer,
        estimator=settings.model.estimator,
        data_sha256=table.bytes_sha256,
        data_content_sha256=table.content_sha256,
    )


def _log(
    settings: Settings,
    table: Table,
    split: Split,
    fitted: Fitted,
    environment: Environment,
    manifest: Mapping[str, Any],
) -> LoggedRun:
    whole = raw_frame(table.values, fitted.contract.features)
    whole[table.target] = table.targets
    content = RunContent(
        params=_params(settings, table, split, fitted),
        metrics=fitted.evaluation.as_mlflow_metrics(),
        tags=environment.as_tags()
        | {
            DATA_TAG: table.bytes_sha256,
            "data_content_sha256": table.content_sha256,
            "vouch.scorer": fitted.contract.scorer,
            TRAINING_TAG: manifest["training_sha256"],
        },
        table=whole,
        target=table.target,
        data_path=str(settings.data_path),
        data_sha256=table.bytes_sha256,
    )

    def write(folder: Path, run_id: str) -> None:
        write_artifacts(
            folder,
            manifest={**manifest, "run_id": run_id},
            contract=fitted.contract,
            evaluation=fitted.evaluation,
            parity=fitted.parity,
            environment=environment,
            y_true=table.targets[split.test] == fitted.contract.positive.value,
            p=fitted.test_probabilities,
        )

    files = ModelFiles(fitted.pipeline, fitted.contract, fitted.files, fitted.frame)
    return log_run(settings, content, files, write)


def _params(settings: Settings, table: Table, split: Split, fitted: Fitted) -> dict[str, Any]:
    """What MLflow shows as parameters: all of the classifier's own, and what surrounds it."""
    return {
        **fitted.pipeline[-1].get_params(deep=False),
        "estimator": settings.model.estimator,
        "threshold": settings.model.threshold,
        "positive_class": settings.data.positive_class,
        "test_size": settings.training.test_size,
        "random_state": settings.training.random_state,
        "cv_folds": settings.training.cv_folds,
        "bootstrap_resamples": settings.training.bootstrap_resamples,
        "feature_count": len(table.names),
        "train_rows": len(split.train),
        "test_rows": len(split.test),
    }
