"""`vouch predict`: send one row to the service and show the answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.screen import facts, print_json, show
from vouchml.cli.typed import as_typed

if TYPE_CHECKING:
    from rich.text import Text

    from vouchml.project.rows import Row
    from vouchml.settings import Settings

BAR_CELLS = 30


def predict(
    ctx: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="A JSON object with the features of one row; - is standard input."),
    ] = None,
    row: Annotated[
        int | None,
        typer.Option("--row", metavar="N", min=1, help="Data row N of the project's table, from 1.  [default: 1]"),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="The service.  [default: at [serving] host and port]")
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Send one row to the service, print its answer.

    The row is one of the project's table, or a JSON object from FILE or standard input: {"features": {…}}, or the
    features alone. Where the service wants an API key, it is taken from the environment variable VOUCHML_API_KEY.
    """
    if file is not None and row is not None:
        raise typer.BadParameter("give FILE or --row, not both")
    settings = project_settings(ctx, config)
    from vouchml.project.prediction_client import KEY_VARIABLE, PredictionClient
    from vouchml.project.rows import file_row, json_row, table_row

    if file is None:
        chosen = table_row(settings, row or 1)
    elif file == "-":
        chosen = json_row(sys.stdin.buffer.read(), "standard input")
    else:
        chosen = file_row(Path(file))
    with PredictionClient(url or settings.api_url, key=os.environ.get(KEY_VARIABLE)) as client:
        client.require_model(settings.project.registered_model)
        answer = client.predict(chosen.body)
        data_sha256 = "" if as_json else client.data_sha256()
    if as_json:
        print_json(answer)
    else:
        show_answer(settings, chosen, answer, data_sha256=data_sha256, config=config or ctx.obj)


def show_answer(settings: Settings, row: Row, answer: dict[str, Any], *, data_sha256: str, config: Path | None) -> None:
    """Print an answer as a person wants to read it, and how it can be traced; `config` as `as_typed` takes it."""
    from vouchml.project.up import run_page

    probability = float(answer["probability_positive_class"])
    threshold = float(answer["threshold"])
    known = f"  (the table says: {row.known_label})" if row.known_label is not None else ""
    run = answer["source_run_id"]
    show(
        facts(
            [
                ("Row", row.source),
                ("Prediction", f"{answer['prediction_label']}{known}"),
                (f"P({answer['positive_class']})", _in_digits(probability)),
            ]
        ),
        _bar(probability, threshold),
        "",
        "How to trace it",
        facts(
            [
                ("Request", answer["request_id"]),
                ("Prediction", answer["prediction_id"]),
                ("Version", f"{answer['model_version']} of {answer['model_name']}, in {answer['model_stage']}"),
                ("Run", run or "not known"),
                *([("Run page", run_page(settings, run))] if run else []),
                *([("Data SHA-256", data_sha256)] if data_sha256 else []),
                *_commands(settings, answer["prediction_id"], config),
            ]
        ),
    )


def _commands(settings: Settings, prediction_id: str, config: Path | None) -> list[tuple[str, str]]:
    """What shows and proves the whole way, where there is a ledger."""
    if not settings.ledger.url:
        return []
    return [
        ("The whole way", as_typed(f"vouch trace {prediction_id}", config=config)),
        ("Its proof", as_typed(f"vouch receipt {prediction_id} -o receipt.json", config=config)),
    ]


def _in_digits(probability: float) -> str:
    """Four digits, and more only where these would say 0 or 1 of what is neither."""
    return f"{probability:.4f}" if 0.0001 <= probability <= 0.9999 else f"{probability:.6g}"


def _bar(probability: float, threshold: float) -> Text:
    """The probability as a bar from 0 to 1, with a mark where the threshold is."""
    from rich.text import Text

    full, empty, mark = ("█", "░", "┃") if _can_print("█░┃") else ("#", ".", "|")
    filled = round(probability * BAR_CELLS)
    at = min(BAR_CELLS - 1, round(threshold * BAR_CELLS))
    cells = full * filled + empty * (BAR_CELLS - filled)
    return Text(f"0 {cells[:at]}{mark}{cells[at:]} 1   threshold {threshold:g}")


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
