"""What MLflow's scoring server makes of a request that does not fit its model, and that we refuse each."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pandas as pd
import pytest
from mlflow.models.utils import _enforce_schema
from mlflow.pyfunc.scoring_server import _parse_json_data, parse_csv_input, parse_parquet_input
from numpy.typing import NDArray
from tests.serving.doors.mlflow_bodies import CSV, JSON, PARQUET, Body, as_json, parquet, post

if TYPE_CHECKING:
    from tests.serving.doors.conftest import ServeWith

MARKER = "8675309.4242"

Build = Callable[[Sequence[str], Sequence[float]], Body]


def record(names: Sequence[str], row: Sequence[float], **cells: Any) -> dict[str, Any]:
    return {**dict(zip(names, row, strict=True)), **cells}


def cell(token: str, *, form: str = "dataframe_records") -> Build:
    """The first cell of one row as this JSON."""

    def build(names: Sequence[str], row: Sequence[float]) -> Body:
        kind, body = as_json({form: [record(names, row, **{names[0]: "HERE"})]})
        return kind, body.replace(b'"HERE"', token.encode())

    return build


def split(**changes: Any) -> Build:
    return lambda names, row: as_json({"dataframe_split": {"columns": list(names), "data": [list(row)], **changes}})


def csv(text: str) -> Build:
    """CSV in which NAMES and ROW stand for the names and one row, and REST for its cells but the first."""

    def build(names: Sequence[str], row: Sequence[float]) -> Body:
        cells = [repr(number) for number in row]
        filled = text.replace("NAMES", ",".join(names)).replace("ROW", ",".join(cells))
        return CSV, filled.replace("REST", ",".join(cells[1:])).encode()

    return build


def column(values: Any) -> Build:
    """Parquet of one row, in which the first column has these values."""
    return lambda names, row: parquet(pd.DataFrame([row], columns=list(names)).assign(**{names[0]: values}))


def extra_column(form: str) -> Build:
    return lambda names, row: as_json({form: [record(names, row, colour="red")]})


def by_column(**cells: Any) -> Build:
    """`inputs` by column, of two equal rows; `mean_radius` stands for that column."""

    def build(names: Sequence[str], row: Sequence[float]) -> Body:
        columns = {name: [number, number] for name, number in zip(names, row, strict=True)}
        return as_json({"inputs": {**columns, **{name.replace("_", " "): given for name, given in cells.items()}}})

    return build


# What MLflow makes of each: the first is the parser of its scoring server, together with the model's signature.
ACCEPTED_BY_MLFLOW: Mapping[str, tuple[Build, str]] = {
    # Columns that the model does not know are dropped.
    "an extra column in records": (extra_column("dataframe_records"), "extra: dataframe_records[0].colour"),
    "an extra column in instances": (extra_column("instances"), "extra: instances[0].colour"),
    "an extra column in inputs": (extra_column("inputs"), "extra: inputs[0].colour"),
    "an extra column by column": (by_column(colour=["red", "blue"]), "extra: colour"),
    "an extra column in split": (
        lambda names, row: as_json({"dataframe_split": {"columns": [*names, "colour"], "data": [[*row, "red"]]}}),
        "extra: colour",
    ),
    "an extra column in csv": (csv("NAMES,colour\nROW,red\n"), "extra: colour"),
    "an extra column in parquet": (
        lambda names, row: parquet(pd.DataFrame([row], columns=list(names)).assign(colour="red")),
        "extra: colour",
    ),
    "an unnamed index column in csv": (csv(",NAMES\n0,ROW\n"), "extra: "),
    # Texts and booleans are cast.
    "a number as text": (cell(f'"{MARKER}"'), "not a string"),
    "a number as text in instances": (cell(f'"{MARKER}"', form="instances"), "not a string"),
    "a number as text by column": (by_column(mean_radius=[MARKER, MARKER]), "not a string"),
    "a number as text with spaces": (cell(f'" {MARKER} "'), "not a string"),
    "a number as text with underscores": (cell('"8_675_309"'), "not a string"),
    "a number as text in other digits": (cell('"\\u0661\\u0662"'), "not a string"),
    "the text nan": (cell('"nan"'), "not a string"),
    "the text inf": (cell('"inf"'), "not a string"),
    "true": (cell("true"), "not a boolean"),
    "false": (cell("false"), "not a boolean"),
    "false in instances": (cell("false", form="instances"), "not a boolean"),
    "false by column": (by_column(mean_radius=[False, True]), "not a boolean"),
    "True in csv": (csv("NAMES\nTrue,REST\n"), "not a string"),
    "a decimal in parquet": (column([Decimal(MARKER)]), "must be a column of integers or floating-point numbers"),
    # What is missing becomes NaN.
    "null": (cell("null"), "not null"),
    "null in instances": (cell("null", form="instances"), "not null"),
    "null in parquet": (column([None]), "must be a column of integers or floating-point numbers"),
    "some null in parquet": (
        lambda names, row: parquet(
            pd.DataFrame([row, row], columns=list(names)).assign(**{names[0]: [float(MARKER), np.nan]})
        ),
        "row[1].mean radius: must be a number, not null",
    ),
    "NaN": (cell("NaN"), "not NaN or Infinity"),
    "NaN in parquet": (column([np.nan]), "not null"),
    "NA in csv": (csv("NAMES\nNA,REST\n"), "not a string"),
    "None in csv": (csv("NAMES\nNone,REST\n"), "not a string"),
    "an empty cell in csv": (csv("NAMES\n,REST\n"), "not a string"),
    "a record that lacks a key": (
        lambda names, row: as_json(
            {"dataframe_records": [record(names, row), dict(zip(names[1:], row[1:], strict=True))]}
        ),
        "missing: dataframe_records[1].mean radius",
    ),
    "a short row": (split(data=[[1.0] * 30, [1.0] * 29]), "dataframe_split.data[1]: must have 30 cells"),
    "a short row in csv": (csv("NAMES\nROW\n1.0\n"), "row[1]: must have 30 cells"),
    # What is no finite number goes through.
    "Infinity": (cell("-Infinity"), "not NaN or Infinity"),
    "a number beyond float64": (cell("1e999"), "finite"),
    "a number beyond float64 in csv": (csv("NAMES\n1e999,REST\n"), "finite"),
    "an integer beyond float64 in csv": (csv(f"NAMES\n1{'0' * 400},REST\n"), "finite"),
    "inf in csv": (csv("NAMES\ninf,REST\n"), "not a string"),
    "infinity in parquet": (column([np.inf]), "finite"),
    # Integers are rounded.
    "an integer that float64 rounds": (cell("9007199254740993"), "an integer that a 64-bit float cannot hold"),
    "an integer that float64 rounds, by column": (
        by_column(mean_radius=[9007199254740993, 1]),
        "an integer that a 64-bit float cannot hold",
    ),
    "an integer that float64 rounds, in csv": (
        csv("NAMES\n9007199254740993,REST\n"),
        "an integer that a 64-bit float cannot hold",
    ),
    # Of what is given twice, one is taken.
    "a key named twice": (cell(f'{MARKER}, "mean radius": 1.0'), "names a key twice"),
    "a form given twice": (
        lambda names, row: (JSON, b'{"instances": [], ' + as_json({"instances": [record(names, row)]})[1][1:]),
        "names a key twice",
    ),
    "a column named twice in csv": (csv(f"NAMES,mean radius\nROW,{MARKER}\n"), "named twice"),
    # Shapes are made to fit.
    "an index of another length": (split(index=[1, 2]), "'index' must be an array with a text or a number"),
    "an index of lists": (split(index=[[1, 2]]), "'index' must be an array with a text or a number"),
    "records as the data of split": (
        lambda names, row: as_json({"dataframe_split": {"columns": list(names), "data": [record(names, row)]}}),
        "dataframe_split.data[0]: must have 30 cells",
    ),
    "one number for a whole column": (by_column(mean_radius=float(MARKER)), "the same number of rows"),
    "a long row in csv, which moves every value": (csv(f"NAMES\nROW,{MARKER}\n"), "row[0]: must have 30 cells"),
    "an index in csv without a name": (csv(f"NAMES\n{MARKER},ROW\n"), "row[0]: must have 30 cells"),
    "lines without cells in csv": (csv("NAMES\n\nROW\n\n"), "row[0]: must have 30 cells"),
    "no rows": (split(data=[]), "1 to 20000 rows"),
    # What else is sent is passed over.
    "json with a mark of its byte order": (
        lambda names, row: (JSON, b"\xef\xbb\xbf" + as_json({"instances": [record(names, row)]})[1]),
        "not JSON",
    ),
    "params": (lambda names, row: as_json({"instances": [record(names, row)], "params": {"a": 1}}), "extra: params"),
    "a key beside the table": (
        lambda names, row: as_json({"instances": [record(names, row)], "colour": "red"}),
        "extra: colour",
    ),
    "a row among the arguments of a language model": (
        lambda names, row: as_json({"messages": [], **record(names, row)}),
        "exactly one of dataframe_split",
    ),
}

# MLflow refuses these too: some with the value in its answer, some with a stack trace.
REFUSED_BY_BOTH: Mapping[str, tuple[Build, str]] = {
    "a missing column": (split(columns=["x"] * 30), "named twice"),
    "two forms at once": (
        lambda names, row: as_json({"instances": [record(names, row)], "inputs": [record(names, row)]}),
        "exactly one of",
    ),
    "none of the forms": (lambda names, row: as_json({"rows": [record(names, row)]}), "exactly one of"),
    "an array": (lambda names, row: as_json([record(names, row)]), "exactly one of"),
    "a column of cells of two shapes": (by_column(mean_radius=[1.0, [1.0]]), "not an array"),
    "rows without names in inputs": (lambda names, row: as_json({"inputs": [row]}), "rows without column names"),
    "rows without names in instances": (lambda names, row: as_json({"instances": [row]}), "rows without column names"),
    "split without columns": (lambda names, row: as_json({"dataframe_split": {"data": [row]}}), "must be an object"),
    "no records": (lambda names, row: as_json({"dataframe_records": []}), "1 to 20000 rows"),
    "a column named twice": (
        lambda names, row: as_json({"dataframe_split": {"columns": [*names, names[0]], "data": [[*row, 1.0]]}}),
        "named twice",
    ),
    "a text that is no number": (cell(f'"about {MARKER}"'), "not a string"),
    "an array for a number": (cell(f"[{MARKER}]"), "not an array"),
    "an integer of 400 digits": (cell("1" + "0" * 400), "finite"),
    "csv without names": (csv("ROW\nROW\n"), "The first line must name the columns"),
    "a text column in parquet": (column([MARKER]), "must be a column of integers or floating-point numbers"),
    "a boolean column in parquet": (column([True]), "must be a column of integers or floating-point numbers"),
    "an integer that float64 rounds, in parquet": (
        column([9007199254740993]),
        "an integer that a 64-bit float cannot hold",
    ),
    "an unclosed quote in csv": (csv('NAMES\nROW\n"'), "not CSV"),
    "json that is not utf-8": (lambda names, row: (JSON, b'{"inputs": "\xff"}'), "not UTF-8"),
    "csv that is not utf-8": (lambda names, row: (CSV, b"\xff\xff"), "not UTF-8"),
    "half a parquet file": (
        lambda names, row: (PARQUET, parquet(pd.DataFrame([row], columns=list(names)))[1][:-9]),
        "Parquet",
    ),
}


def parsed_by_mlflow(body: Body, model: Any) -> pd.DataFrame:
    """The rows that MLflow's scoring server would hand to the model."""
    kind, content = body
    schema = model.metadata.get_input_schema()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas tells whoever runs the server what it will not do for ever
        if kind == JSON:
            table = _parse_json_data(content, model.metadata, schema).data
        elif kind == CSV:
            table = parse_csv_input(io.StringIO(content.decode()), schema)
        else:
            table = parse_parquet_input(io.BytesIO(content))
        accepted = _enforce_schema(table, schema)
    assert isinstance(accepted, pd.DataFrame)
    return accepted


def assert_refused(client: httpx.Client, body: Body, said: str, row: Sequence[float]) -> None:
    reply = post(client, body)

    assert reply.status_code == 400, reply.text
    assert reply.json().keys() == {"error_code", "message"}
    assert reply.json()["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
    assert said in reply.json()["message"]
    for value in (MARKER, "9007199254740993", "8_675", "0" * 30, "red", *map(repr, row)):
        assert value not in reply.text


@pytest.mark.parametrize("coercion", ACCEPTED_BY_MLFLOW)
def test_what_mlflow_coerces_is_refused(
    shared_client: httpx.Client, pyfunc: Any, names: list[str], rows: NDArray[np.float64], coercion: str
) -> None:
    build, said = ACCEPTED_BY_MLFLOW[coercion]
    row = rows[0].tolist()
    body = build(names, row)

    taken = parsed_by_mlflow(body, pyfunc)

    assert list(taken.columns) == names
    assert_refused(shared_client, body, said, row)


@pytest.mark.parametrize("mistake", REFUSED_BY_BOTH)
def test_what_mlflow_refuses_is_refused(
    shared_client: httpx.Client, pyfunc: Any, names: list[str], rows: NDArray[np.float64], mistake: str
) -> None:
    build, said = REFUSED_BY_BOTH[mistake]
    row = rows[0].tolist()
    body = build(names, row)

    # MLflow fails with whatever pandas raises.
    with pytest.raises(Exception):  # noqa: B017, PT011
        parsed_by_mlflow(body, pyfunc)

    assert_refused(shared_client, body, said, row)


def test_a_lenient_service_refuses_all_else(serve_with: ServeWith, names: list[str], rows: NDArray[np.float64]) -> None:
    lenience = [name for name in ACCEPTED_BY_MLFLOW if "an extra column" in name or "an unnamed index" in name]
    table = {**ACCEPTED_BY_MLFLOW, **REFUSED_BY_BOTH}
    row = rows[0].tolist()

    with serve_with(mlflow_lenient=True) as lenient:
        taken = [name for name, (build, _) in table.items() if post(lenient, build(names, row)).status_code == 200]

    assert taken == lenience
