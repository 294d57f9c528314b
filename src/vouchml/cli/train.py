"""`vouch train`: train once, log one run, register one version; or do so again, and compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, config_file, project_settings
from vouchml.cli.screen import columns, facts, note, print_json, show, steps
from vouchml.cli.sign import signing_document, signing_rows, tell_unsigned

if TYPE_CHECKING:
    from rich.table import Table

    from vouchml.project.signing import Signing
    from vouchml.settings import Settings
    from vouchml.training import TrainedVersion
    from vouchml.training.evaluation import Evaluation
    from vouchml.training.rerun import Difference, Rerun

_DIFFERENCES_SHOWN = 10
_SCORERS = {"affine": "affine form", "onnx": "ONNX", "sklearn": "scikit-learn"}


def train(
    ctx: typer.Context,
    no_register: Annotated[bool, typer.Option("--no-register", help="Log the run, add no version.")] = False,
    from_manifest: Annotated[
        Path | None,
        typer.Option(
            "--from-manifest",
            metavar="FILE",
            help="Run again what this run_manifest.json records, and compare; exits with 1 when it differs.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Train, log one MLflow run and register one version.

    With --from-manifest the settings of a recorded run count, and no vouch.toml is needed: its relative paths then
    start here, and VOUCH_DATA__PATH may name the table. It has to be the recorded one.
    """
    if from_manifest is not None:
        file = config_file(ctx, config)
        again = _run_again(from_manifest, file, register=not no_register, quiet=quiet)
        recorded = again.recorded.settings
        _tell(recorded, again.trained, again, _signed(recorded, again.trained, quiet), quiet=quiet, as_json=as_json)
        raise typer.Exit(0 if again.same else 1)
    settings = project_settings(ctx, config)
    with steps(quiet=quiet) as progress:
        progress("Loading the libraries")
        from vouchml.training import train as run_training

        trained = run_training(settings, register=not no_register, progress=progress)
    _tell(settings, trained, None, _signed(settings, trained, quiet), quiet=quiet, as_json=as_json)


def _signed(settings: Settings, trained: TrainedVersion, quiet: bool) -> Signing | None:
    """Sign the version as far as this machine has the keys; None where there is no version."""
    if trained.version is None:
        return None
    from vouchml.project.signing import sign_version

    with steps(quiet=quiet) as progress:
        return sign_version(settings, trained.version, trained=trained.manifest, progress=progress)


def _run_again(manifest: Path, settings_file: Path, *, register: bool, quiet: bool) -> Rerun:
    with steps(quiet=quiet) as progress:
        progress("Loading the libraries")
        from vouchml.project.recorded_run import recorded_run
        from vouchml.training.rerun import run_again

        return run_again(recorded_run(manifest, settings_file), register=register, progress=progress)


def _tell(
    settings: Settings,
    trained: TrainedVersion,
    again: Rerun | None,
    signing: Signing | None,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    if as_json:
        rerun = {"rerun": _rerun_document(again)} if again else {}
        print_json(_document(settings, trained) | {"signing": signing_document(signing) if signing else None} | rerun)
        return
    show_training(settings, trained, signing)
    if again is not None:
        show(facts(_comparison(again)))
    if trained.version is None and not quiet:
        note(f"Next: vouch registry register {trained.run_id}")
    elif trained.version is not None and not quiet:
        number = trained.version.number
        note(f"Next: vouch gate {number}; vouch promote {number} --why TEXT")


def show_training(settings: Settings, trained: TrainedVersion, signing: Signing | None) -> None:
    """Print what came of a training."""
    show(_metrics(trained.evaluation), "", _confusion(trained.evaluation), "")
    version = trained.version
    rows = [
        ("Scorer", _SCORERS[trained.parity.scorer]),
        *[("Parity", form.reason) for form in trained.parity.forms],
        ("Run", trained.run_id),
        ("Version", f"{version.number} of {version.name}" if version else "not registered"),
        ("Data", f"{settings.data.path}, SHA-256 {trained.data_sha256}"),
        *(signing_rows(signing) if signing else []),
        *[("Warning", text) for text in trained.warnings],
        *[("Note", text) for text in trained.evaluation.notes],
    ]
    show(facts(rows))
    if signing is not None:
        tell_unsigned(signing)


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


def _comparison(again: Rerun) -> list[tuple[str, str]]:
    recorded = again.recorded.run_id
    if again.same:
        return [
            ("Compared", f"the same as run {recorded}: split, contract, metrics and probabilities, to the last bit")
        ]
    return [
        ("Compared", f"not the same as run {recorded}"),
        *_lines("Differs", again.differences),
        *_lines("Perhaps why", again.other_surroundings),
    ]


def _lines(name: str, differences: tuple[Difference, ...]) -> list[tuple[str, str]]:
    shown = [
        (name, f"{each.place}: recorded {each.recorded}, now {each.now}") for each in differences[:_DIFFERENCES_SHOWN]
    ]
    more = len(differences) - len(shown)
    return [*shown, *([("", f"and {more} more; --json lists them")] if more else [])]


def _rerun_document(again: Rerun) -> dict[str, Any]:
    return {
        "recorded_run_id": again.recorded.run_id,
        "same": again.same,
        "differences": [asdict(each) for each in again.differences],
        "other_surroundings": [asdict(each) for each in again.other_surroundings],
    }


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
