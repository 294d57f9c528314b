"""`vouch train`: train once, log one run, register one version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.screen import columns, facts, note, print_json, show, steps

if TYPE_CHECKING:
    from rich.table import Table

    from vouchml.settings import Settings
    from vouchml.training import TrainedVersion
    from vouchml.training.evaluation import Evaluation

_SCORERS = {"affine": "affine form", "onnx": "ONNX", "sklearn": "scikit-learn"}


def train(
    ctx: typer.Context,
    no_register: Annotated[bool, typer.Option("--no-register", help="Log the run, add no version.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Train, log one MLflow run and register one version."""
    settings = project_settings(ctx, config)
    with steps(quiet=quiet) as progress:
        progress("Loading the libraries")
        from vouchml.training import train as run_training

        trained = run_training(settings, register=not no_register, progress=progress)
    if as_json:
        print_json(_document(settings, trained))
        return
    show_training(settings, trained)
    if trained.version is None and not quiet:
        note(f"Next: vouch registry register {trained.run_id}")
    elif trained.version is not None and not quiet:
        note(f"Next: vouch registry promote {trained.version.number} --why TEXT")


def show_training(settings: Settings, trained: TrainedVersion) -> None:
    """Print what came of a training."""
    show(_metrics(trained.evaluation), "", _confusion(trained.evaluation), "")
    version = trained.version
    rows = [
        ("Scorer", _SCORERS[trained.parity.scorer]),
        *[("Parity", form.reason) for form in trained.parity.forms],
        ("Run", trained.run_id),
        ("Version", f"{version.number} of {version.name}" if version else "not registered"),
        ("Data", f"{settings.data.path}, SHA-256 {trained.data_sha256}"),
        *[("Warning", text) for text in trained.warnings],
        *[("Note", text) for text in trained.evaluation.notes],
    ]
    show(facts(rows))


def _metrics(evaluation: Evaluation) -> Table:
    made = columns("Metric", "Test", "95 % interval", "Cross-validation", right=("Test", "Cross-validation"))
    made.title = f"{evaluation.rows} test rows; positive class: {evaluation.positive_class}"
    made.title_justify = "left"
    for name, estimate in evaluation.metrics.items():
        score = evaluation.cross_validation.metrics.get(name)
        folds = f"{score.mean:.4f} ± {score.std:.4f}" if score else ""
        made.add_row(name, f"{estimate.value:.4f}", f"{estimate.low:.4f} to {estimate.high:.4f}", folds)
    return made


def _confusion(evaluation: Evaluation) -> Table:
    headings = [f"predicted {label}" for label in evaluation.labels]
    made = columns("", *headings, right=headings)
    for label, counts in zip(evaluation.labels, evaluation.confusion, strict=True):
        made.add_row(f"true {label}", *(str(count) for count in counts))
    return made


def _document(settings: Settings, trained: TrainedVersion) -> dict[str, Any]:
    return {
        "run_id": trained.run_id,
        "registered_model": settings.project.registered_model,
        "version": trained.version.number if trained.version else None,
        "data_sha256": trained.data_sha256,
        "evaluation": trained.evaluation.to_dict(),
        "parity": trained.parity.to_dict(),
        "warnings": list(trained.warnings),
    }
