"""Bodies for `/invocations`: the forms that a table can be sent in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pandas as pd

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"

Body = tuple[str, bytes]


def post(client: httpx.Client, body: Body) -> httpx.Response:
    return client.post("/invocations", content=body[1], headers={"Content-Type": body[0]})


def parquet(frame: pd.DataFrame) -> Body:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return PARQUET, buffer.getvalue()


FORMS: Mapping[str, Callable[[pd.DataFrame], Body]] = {
    "dataframe_split": lambda f: as_json({"dataframe_split": f.to_dict("split")}),
    "dataframe_split without an index": lambda f: as_json({"dataframe_split": f.to_dict("split", index=False)}),
    "dataframe_records": lambda f: as_json({"dataframe_records": f.to_dict("records")}),
    "instances": lambda f: as_json({"instances": f.to_dict("records")}),
    "inputs by row": lambda f: as_json({"inputs": f.to_dict("records")}),
    "inputs by column": lambda f: as_json({"inputs": f.to_dict("list")}),
    "inputs by column of shape [rows, 1]": lambda f: as_json({"inputs": {n: f[[n]].to_numpy().tolist() for n in f}}),
    "csv": lambda f: (CSV, f.to_csv(index=False).encode()),
    "csv in quotes": lambda f: (CSV, f.to_csv(index=False, quoting=1, lineterminator="\r\n").encode("utf-8-sig")),
    "parquet": parquet,
    "parquet with an index": lambda f: parquet(f.iloc[::-1].iloc[::-1].set_axis(list(range(1, len(f) + 1)))),
}


def as_json(document: Any) -> Body:
    return JSON, json.dumps(document).encode()
