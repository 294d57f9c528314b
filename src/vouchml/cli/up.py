"""`vouch up`: train if needed, promote, and run MLflow's pages and the service until Ctrl-C."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from vouchml.cli.options import Config, config_file, project_settings
from vouchml.cli.screen import facts, note, show, steps

if TYPE_CHECKING:
    from vouchml.project.up import Ready
    from vouchml.settings import Settings


def up(
    ctx: typer.Context,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train even if a version is up to date.")] = False,
    no_mlflow: Annotated[bool, typer.Option("--no-mlflow", help="Do not start MLflow's pages.")] = False,
    config: Config = None,
) -> None:
    """Train if needed, promote, and serve, until Ctrl-C.

    Starts MLflow's pages and the service, and prints a first prediction with its trace.
    """
    settings = project_settings(ctx, config)
    from vouchml.project.ports import require_free_ports
    from vouchml.project.up import Stack, StopAsked, is_server, make_ready

    mlflow = not no_mlflow and not is_server(settings.tracking_uri)
    require_free_ports(settings, mlflow=mlflow)
    with steps() as progress:
        ready = make_ready(settings, retrain=retrain, progress=progress)
    _show_version(settings, ready)
    try:
        with Stack(settings, config_file(ctx, config), mlflow=mlflow, say=note) as stack:
            with steps() as progress:
                stack.wait_until_ready(progress)
            _show_addresses(settings, mlflow=mlflow)
            _show_first_prediction(settings)
            stack.run_until_stopped()
    except StopAsked as asked:
        raise typer.Exit(128 + asked.number) from None


def _show_version(settings: Settings, ready: Ready) -> None:
    if ready.trained is not None:
        from vouchml.cli.train import show_training

        show_training(settings, ready.trained)
    else:
        show(f"Version {ready.version.number} of {ready.version.name} is up to date; --retrain trains anyway.")
    for text in ready.notes:
        note(f"Note: {text}")


def _show_addresses(settings: Settings, *, mlflow: bool) -> None:
    from vouchml.project.up import is_server, mlflow_pages

    rows = [("Service", settings.api_url), ("Its pages", f"{settings.api_url}/docs")]
    if mlflow or is_server(settings.tracking_uri):
        rows.append(("MLflow", mlflow_pages(settings)))
    show("", facts(rows), "")


def _show_first_prediction(settings: Settings) -> None:
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
        show_answer(settings, row, answer, data_sha256=data_sha256)
    note("\nRunning. Ctrl-C stops everything.")
