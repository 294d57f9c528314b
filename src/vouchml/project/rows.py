"""One row to predict: from the project's table, from a file, or from standard input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vouchml.errors import BodyMalformed, TableInvalid
from vouchml.project.prediction_client import request_body
from vouchml.settings import Settings

_ENVELOPE = frozenset({"features", "request_id"})


@dataclass(frozen=True)
class Row:
    """A request body, where it comes from, and the label that the table gives it, if it does."""

    body: bytes
    source: str
    known_label: str | None = None


def table_row(settings: Settings, number: int) -> Row:
    """Data row `number` of the project's table; the first one is 1.

    Raises:
        TableUnreadable, TableInvalid: the table cannot be read, or does not have that row.
    """
    from vouchml.data import label_of, read_table

    table = read_table(settings.data_path, settings.data)
    (positions,) = np.nonzero(table.row_ids == number - 1)
    if not len(positions):
        rows = table.report.file_rows
        why = f"has {rows} rows" if number > rows else "drops that row, which repeats an earlier one"
        raise TableInvalid(
            f"{table.file} {why}; row {number} cannot be sent.", remedy=f"Give --row a number from 1 to {rows}."
        )
    position = int(positions[0])
    return Row(
        body=request_body(table.cells(position)),
        source=f"row {number} of {table.file} ({table.place(position)})",
        known_label=label_of(table.targets[position], settings.data.labels),
    )


def file_row(path: Path) -> Row:
    """The JSON object in a file.

    Raises:
        BodyMalformed: the file cannot be read, or holds no JSON object.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BodyMalformed(
            f"{path} cannot be read: {error.strerror or 'no reason given'}.", remedy="Name a file that holds one row."
        ) from error
    return json_row(text, str(path))


def json_row(text: bytes, source: str) -> Row:
    """One row as JSON: `{"features": {…}}` as the service takes it, or the features alone.

    What is written is passed on as it stands: the service shall see a key that is named twice, or a `NaN`.

    Raises:
        BodyMalformed: `text` is not a JSON object.
    """
    document = _parsed(text.removeprefix(b"\xef\xbb\xbf"), source)
    if not isinstance(document, dict):
        raise BodyMalformed(f"{source} does not hold a JSON object.", remedy='Write {"features": {"NAME": VALUE, …}}.')
    whole = isinstance(document.get("features"), dict) and document.keys() <= _ENVELOPE
    body = text.removeprefix(b"\xef\xbb\xbf")
    return Row(body=body if whole else b'{"features": ' + body + b"}", source=source)


def _parsed(text: bytes, source: str) -> Any:
    try:
        return json.loads(text.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise BodyMalformed(
            f"{source} is not JSON: line {error.lineno}, column {error.colno}.",
            remedy="Write one JSON object: the features of one row by name.",
        ) from None
    except (ValueError, RecursionError):
        raise BodyMalformed(f"{source} is not JSON in UTF-8.", remedy="Write one JSON object.") from None
