"""`vouch up`: train if needed, promote, and run MLflow's pages and the service until Ctrl-C."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from vouchml.cli.gate import tell_decision, tell_outcome
from vouchml.cli.keys import warn_of_development_keys
from vouchml.cli.options import Config, config_file, project_settings
from vouchml.cli.screen import facts, note, show, steps

if TYPE_CHECKING:
    from pathlib import Path

    from vouchml.project.readiness import Found
    from vouchml.settings import Settings


def up(
    ctx: typer.Context,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train even if a version is up to date.")] = False,
    no_mlflow: Annotated[bool, typer.Option("--no-mlflow", help="Do not start MLflow's pages.")] = False,
    config: Config = None,
) -> None:
    """Train if needed, gate, promote, and serve.

    Until Ctrl-C. Makes development keys for roles that have none, signs the version and has the gate decide. Starts
    MLflow's pages and the service, and prints a first prediction with its trace.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.ports import require_free_ports
    from vouchml.project.serving_here import known_to_serve
    from vouchml.project.up import is_server

    mlflow = not no_mlflow and not is_server(settings.tracking_uri)
    require_free_ports(settings, mlflow=mlflow)
    with known_to_serve(settings, command="vouch up", mlflow=mlflow):
        _make_ready(settings, retrain=retrain)
        _serve(settings, config_file(ctx, config), mlflow=mlflow, named=config or ctx.obj)


def _serve(settings: Settings, config: Path, *, mlflow: bool, named: Path | None) -> None:
    """Run MLflow's pages and the service, and show what they do, until somebody asks to stop.

    `config` is the settings file, `named` the same where somebody named it on the command line.
    """
    from vouchml.project.up import Stack, StopAsked

    try:
        with Stack(settings, config, mlflow=mlflow, say=note) as stack:
            with steps() as progress:
                stack.wait_until_ready(progress)
            _show_addresses(settings, mlflow=mlflow)
            _show_first_prediction(settings, named)
            stack.run_until_stopped()
    except StopAsked as asked:
        raise typer.Exit(128 + asked.number) from None


def _make_ready(settings: Settings, *, retrain: bool) -> None:
    """Have a version in the stage that may serve, and show each step."""
    from vouchml.project import readiness

    if made := readiness.make_development_keys(settings):
        warn_of_development_keys(made, settings)
    with steps() as progress:
        found = readiness.find_or_train(settings, retrain=retrain, progress=progress)
    _show_version(settings, found)
    number, stage = found.version.number, settings.project.stage
    if readiness.is_ready(settings, found):
        return
    if (other := readiness.taken_out_for(settings, found)) is not None:
        note(
            f"Note: Version {other.number} stays in {stage}: version {number} is up to date, but was taken out. "
            f"To serve it: vouch promote {number} --why TEXT"
        )
        return
    if settings.trust.admission != "off":
        from vouchml.project.deciding import decide

        with steps() as progress:
            decided = decide(settings, str(number), progress=progress)
        show("")
        tell_outcome(decided.outcome, explain=False)
        tell_decision(decided)
    note(f"Promoting version {number} to {stage} …")
    readiness.put_in_stage(settings, found, say=note)


def _show_version(settings: Settings, found: Found) -> None:
    if found.passed_over is not None:
        note(f"Version {found.passed_over} was up to date, but is not signed as it is now; trained again.")
    if found.trained is not None:
        from vouchml.cli.train import show_training

        show_training(settings, found.trained, found.signing)
    else:
        show(f"Version {found.version.number} of {found.version.name} is up to date; --retrain trains anyway.")


def _show_addresses(settings: Settings, *, mlflow: bool) -> None:
    from vouchml.project.up import is_server, mlflow_pages

    rows = [("Service", settings.api_url), ("Its pages", f"{settings.api_url}/docs")]
    if mlflow or is_server(settings.tracking_uri):
        rows.append(("MLflow", mlflow_pages(settings)))
    show("", facts(rows), "")


def _show_first_prediction(settings: Settings, named: Path | None) -> None:
    from vouchml.cli.predict import show_answer
    from vouchml.project.prediction_client import KEY_VARIABLE, PredictionClient
    from vouchml.project.rows import table_row
    from vouchml.trust.api_keys_file import api_keys_path, read_api_keys

    key = os.environ.get(KEY_VARIABLE)
    if key is None and read_api_keys(api_keys_path(settings.private_folder)):
        note(f"The service wants an API key. For a first prediction: {KEY_VARIABLE}=KEY vouch predict")
    else:
        row = table_row(settings, 1)
        with PredictionClient(settings.api_url, key=key) as client:
            answer = client.predict(row.body)
            data_sha256 = client.data_sha256()
        show("The first prediction")
        show_answer(settings, row, answer, data_sha256=data_sha256, config=named)
    note("\nRunning. Ctrl-C stops everything.")
