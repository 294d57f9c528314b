"""Categories and nulls through every door: answers as of the model that MLflow loads, refusals without a guess."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from numpy.typing import NDArray
from tests.mixed_tables import FEATURES, PARAMETERS, as_json, make_project, mixed_frame, raw_features
from tests.serving.conftest import Project, is_ready, serving, wait_until
from tests.serving.doors.mlflow_bodies import CSV, JSON, PARQUET, Body, parquet, post

from vouchml.serving.app import create_app
from vouchml.serving.following.watcher import Watcher
from vouchml.settings import load_settings
from vouchml.training import train

TOLERANCE = 1e-12
MODEL = "mixed_classifier"
INFER = f"/v2/models/{MODEL}/infer"
MARKER = "8675309"
ASKED = 25


@dataclass(frozen=True)
class Served:
    """A service of one estimator, rows that it has never seen, and what MLflow's model says of them."""

    client: httpx.Client
    estimator: str
    frame: pd.DataFrame
    rows: list[dict[str, Any]]
    expected: NDArray[np.float64]


@pytest.fixture(scope="module", params=PARAMETERS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Trained, promoted and served, once for each estimator."""
    folder: Path = tmp_path_factory.mktemp("mixed")
    project = Project(load_settings(make_project(folder, request.param)))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", project.settings.tracking_uri)
        environment.setenv("MLFLOW_REGISTRY_URI", project.settings.tracking_uri)
        train(project.settings)
    project.promote("1")
    files = folder / "version"
    files.mkdir()
    project.registry.fetch(project.registry.version(MODEL, "1"), files)
    unseen = mixed_frame(ASKED, seed=77)
    expected = mlflow.pyfunc.load_model(str(files)).predict(raw_features(unseen))
    Watcher(project.settings).poll()
    with serving(create_app(project.settings)) as client:
        wait_until(lambda: is_ready(client))
        yield Served(client, request.param, raw_features(unseen), as_json(unseen), expected)


def scores(served: Served) -> NDArray[np.float64]:
    """Of the positive class, `ill`, which stands first."""
    return served.expected[:, 0]


def test_the_rows_asked_have_gaps_and_every_category(served: Served) -> None:
    assert served.frame["age"].isna().any()
    assert served.frame["region"].isna().any()
    assert served.frame["region"].nunique() == 4


def test_one_row_and_many_are_answered_as_mlflow_does(served: Served) -> None:
    one = [served.client.post("/predict", json={"features": row}) for row in served.rows]
    many = served.client.post("/predict/batch", json={"rows": served.rows}).json()["predictions"]

    assert [reply.status_code for reply in one] == [200] * ASKED
    for found in ([reply.json() for reply in one], many):
        assert np.abs([each["probability_positive_class"] for each in found] - scores(served)).max() <= TOLERANCE
    assert [reply.json()["out_of_range"] for reply in one] == [outside(served.client, row) for row in served.rows]
    assert [each["out_of_range_count"] for each in many] == [len(outside(served.client, row)) for row in served.rows]


def outside(client: httpx.Client, row: Mapping[str, Any]) -> list[str]:
    """The numbers outside their range in training; null is a number that lies nowhere."""
    told = client.get("/model-info").json()["features"]
    numbers = [(each, row[each["name"]]) for each in told if each["type"] == "number"]
    return [
        each["name"] for each, cell in numbers if cell is not None and not each["minimum"] <= cell <= each["maximum"]
    ]


def test_the_features_contributions_add_up(served: Served) -> None:
    for row in served.rows[:5]:
        answer = served.client.post("/predict", json={"features": row, "explain": True}).json()
        told = answer["explanation"]
        assert list(told["contributions"]) == list(FEATURES)
        assert abs(told["base_value"] + sum(told["contributions"].values()) - told["score"]) <= 1e-9


def split(rows: list[dict[str, Any]]) -> Any:
    return {"columns": list(FEATURES), "data": [list(row.values()) for row in rows]}


def dictionary(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"sex": "category", "region": "category"})


FORMS: Mapping[str, Callable[[Served], Body]] = {
    "dataframe_split": lambda s: (JSON, json.dumps({"dataframe_split": split(s.rows)}).encode()),
    "dataframe_split of pandas": lambda s: (JSON, json.dumps({"dataframe_split": s.frame.to_dict("split")}).encode()),
    "dataframe_records": lambda s: (JSON, json.dumps({"dataframe_records": s.rows}).encode()),
    "instances": lambda s: (JSON, json.dumps({"instances": s.rows}).encode()),
    "inputs by row": lambda s: (JSON, json.dumps({"inputs": s.rows}).encode()),
    "inputs by column": lambda s: (JSON, json.dumps({"inputs": s.frame.to_dict("list")}).encode()),
    "csv": lambda s: (CSV, s.frame.to_csv(index=False).encode()),
    "csv in another order": lambda s: (CSV, s.frame[list(reversed(FEATURES))].to_csv(index=False).encode()),
    "parquet": lambda s: parquet(s.frame),
    "parquet of a dictionary": lambda s: parquet(dictionary(s.frame)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_table_of_mlflow_is_answered_as_mlflow_does(served: Served, form: str) -> None:
    reply = post(served.client, FORMS[form](served))

    assert reply.status_code == 200, reply.text
    assert np.abs(np.array(reply.json()["predictions"]) - served.expected).max() <= TOLERANCE


def test_mlflows_own_client_gets_what_pyfunc_predicts(served: Served) -> None:
    client = ScoringServerClient(served.client.base_url.host, served.client.base_url.port)

    answer = client.invoke(served.frame).get_predictions(predictions_format="ndarray")

    assert np.abs(answer - served.expected).max() <= TOLERANCE


def tensors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One tensor a feature, in JSON."""
    return [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": "BYTES" if name in ("sex", "region", "ward") else "FP64",
            "data": [row[name] for row in rows],
        }
        for name in FEATURES
    ]


def test_tensors_in_json_are_answered_as_mlflow_does(served: Served) -> None:
    reply = served.client.post(INFER, json={"inputs": tensors(served.rows)})

    assert reply.status_code == 200, reply.text
    assert np.abs(reply.json()["outputs"][0]["data"] - scores(served)).max() <= TOLERANCE


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_tritons_client_is_answered_as_mlflow_does(served: Served, binary: bool, shape: tuple[int, ...]) -> None:
    inputs = []
    for name in reversed(FEATURES):
        is_text = name in ("sex", "region", "ward")
        cells = served.frame[name].fillna("").to_numpy(dtype=object) if is_text else served.frame[name].to_numpy()
        cells = cells.reshape(shape)
        tensor = triton.InferInput(name, list(cells.shape), "BYTES" if is_text else "FP64")
        inputs.append(tensor.set_data_from_numpy(cells, binary_data=binary))
    with triton.InferenceServerClient(f"{served.client.base_url.host}:{served.client.base_url.port}") as client:
        result = client.infer(MODEL, inputs)
        described = client.get_model_metadata(MODEL)

    assert np.abs(result.as_numpy("probability_positive_class") - scores(served)).max() <= TOLERANCE
    assert [(each["name"], each["datatype"]) for each in described["inputs"]] == [
        ("dose", "FP64"),
        ("age", "FP64"),
        ("sex", "BYTES"),
        ("region", "BYTES"),
        ("weight", "FP64"),
        ("ward", "BYTES"),
    ]


@pytest.fixture(scope="module")
def row(served: Served) -> dict[str, Any]:
    return {**served.rows[0], "age": 40.0, "region": "north"}


WRONG: dict[str, tuple[str, Any, str]] = {
    "another category": ("sex", f"{MARKER} other", "is none of the categories"),
    "another spelling": ("sex", "Male", "is none of the categories"),
    "a blank": ("sex", " ", "is none of the categories"),
    "a place": ("ward", 1, "must be a string, not a number"),
    "null for a number": ("weight", None, "null"),
    "null for a category": ("sex", None, "null"),
    "text for a number": ("age", f"{MARKER} years", "must be a number, not a string"),
}


def in_csv(row: Mapping[str, Any]) -> Body:
    return CSV, pd.DataFrame([row]).to_csv(index=False).encode()


@pytest.mark.parametrize("case", WRONG)
def test_what_a_column_may_not_hold_is_refused_at_every_door_and_not_repeated(
    served: Served, row: dict[str, Any], case: str
) -> None:
    name, value, problem = WRONG[case]
    wrong = {**row, name: value}
    replies = [
        served.client.post("/predict", json={"features": wrong}),
        served.client.post("/predict/batch", json={"rows": [row, wrong]}),
        post(served.client, (JSON, json.dumps({"dataframe_split": split([row, wrong])}).encode())),
        post(served.client, (JSON, json.dumps({"instances": [wrong]}).encode())),
        served.client.post(INFER, json={"inputs": tensors([wrong])}),
    ]
    assert [reply.status_code for reply in replies] == [422, 422, 400, 400, 400]
    for reply in replies:
        assert name in reply.text
        assert problem in reply.text
        assert MARKER not in reply.text
    assert replies[0].json()["detail"]["invalid"][0]["feature"] == name


def test_a_nan_is_a_null_only_where_a_clients_encoder_writes_it(served: Served, row: dict[str, Any]) -> None:
    body = json.dumps({"features": {**row, "age": float("nan")}})
    ours = served.client.post("/predict", content=body, headers={"Content-Type": JSON})
    infinite = json.dumps({"dataframe_split": split([{**row, "age": float("inf")}])}).encode()
    elsewhere = json.dumps({"dataframe_split": split([{**row, "dose": float("nan")}])}).encode()

    assert (ours.status_code, post(served.client, (JSON, infinite)).status_code) == (422, 400)
    assert "dose: must be a number, not null" in post(served.client, (JSON, elsewhere)).text


def test_tables_that_do_not_fit_their_columns_are_refused(served: Served, row: dict[str, Any]) -> None:
    frame = pd.DataFrame([row, row])
    bodies = {
        "row[0].sex": in_csv({**row, "sex": ""}),
        "row[0].dose": in_csv({**row, "dose": ""}),
        "row[0].region": in_csv({**row, "region": f"{MARKER} east"}),
        "row[0].age": in_csv({**row, "age": "NA"}),
        "row[1].sex": parquet(frame.assign(sex=["male", f"{MARKER} x"])),
        "ward: must be a column of texts": parquet(frame.assign(ward=1)),
        "age: must be a column of integers": parquet(frame.assign(age=["40", MARKER])),
        "row[1].weight": parquet(frame.assign(weight=[70.0, float("nan")])),
        "holds values": (CSV, b"8.5,40,male,north,70,1\n8.5,40,male,north,70,1\n"),
    }
    for said, body in bodies.items():
        reply = post(served.client, body)
        assert reply.status_code == 400
        assert said in reply.text
        assert MARKER not in reply.text


def test_a_parquet_column_without_any_value_is_null(served: Served, row: dict[str, Any]) -> None:
    frame = pd.DataFrame([row]).assign(age=None, region=None)
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    reply = post(served.client, (PARQUET, buffer.getvalue()))
    alike = post(served.client, (JSON, json.dumps({"instances": [{**row, "age": None, "region": None}]}).encode()))
    assert reply.status_code == alike.status_code == 200, reply.text
    assert reply.json() == alike.json()


def of_feature(tensors: list[dict[str, Any]], name: str, **changes: Any) -> dict[str, Any]:
    return {"inputs": [{**each, **changes} if each["name"] == name else each for each in tensors]}


def test_tensors_that_do_not_fit_their_feature_are_refused(served: Served, row: dict[str, Any]) -> None:
    asked = tensors([row])
    bodies = {
        "holds categories and must have the datatype BYTES": of_feature(asked, "ward", datatype="INT64", data=[1]),
        "must have one of the datatypes": of_feature(asked, "age", datatype="BYTES", data=["40"]),
        "must be a number, not null": of_feature(asked, "age", datatype="INT64", data=[None]),
        "is none of the categories": of_feature(asked, "region", data=[MARKER]),
        "not as many data": of_feature(asked, "region", data=["north", "north"]),
        "cannot hold texts; send one tensor for each feature": {
            "inputs": [{"name": "features", "shape": [1, 6], "datatype": "FP64", "data": [0] * 6}]
        },
    }
    for said, body in bodies.items():
        reply = served.client.post(INFER, json=body)
        assert reply.status_code == 400
        assert said in reply.json()["error"], said
        assert MARKER not in reply.text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not as many bytes"),
        (b"\x04\x00\x00", "not as many bytes"),
        (b"\x04\x00\x00\x00mal", "not as many bytes"),
        (b"\xff\xff\xff\xffmale", "not as many bytes"),
        (b"\x04\x00\x00\x00male\x00", "not as many bytes"),
        (b"\x04\x00\x00\x00m\xff\xfee", "not UTF-8"),
        (b"\x00\x00\x00\x00", "must be a string, not null"),
        (b"\x07\x00\x00\x008675309", "is none of the categories"),
    ],
)
def test_texts_in_binary_that_are_cut_or_wrong_are_refused(
    served: Served, row: dict[str, Any], data: bytes, said: str
) -> None:
    asked = tensors([row])
    place = [each["name"] for each in asked].index("sex")
    asked[place] = {"name": "sex", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}
    header = json.dumps({"inputs": asked}).encode()
    headers = {"Inference-Header-Content-Length": str(len(header)), "Content-Type": "application/octet-stream"}
    reply = served.client.post(INFER, content=header + data, headers=headers)
    assert reply.status_code == 400
    assert said in reply.json()["error"]
    assert MARKER not in reply.text


def test_the_model_says_what_it_takes(served: Served) -> None:
    info = served.client.get("/model-info").json()

    assert info["expected_features"] == list(FEATURES)
    assert info["scorer"] == ("affine" if served.estimator == "logistic_regression" else "sklearn")
    told = {each["name"]: each for each in info["features"]}
    assert (told["dose"]["type"], told["dose"]["nullable"], told["dose"]["categories"]) == ("number", False, None)
    assert told["age"]["nullable"]
    assert told["age"]["minimum"] < told["age"]["maximum"]
    assert told["region"] == {
        "name": "region",
        "type": "category",
        "nullable": True,
        "minimum": None,
        "maximum": None,
        "categories": ["north", 'the "old" south', "west, far", "é"],
    }
    assert told["ward"]["categories"] == ["1", "10", "2"]


def test_the_examples_of_the_document_can_be_sent_as_they_are(served: Served) -> None:
    document = served.client.get("/openapi.json").json()
    sent = 0
    for path, methods in document["paths"].items():
        body = methods.get("post", {}).get("requestBody", {"content": {}})
        for kind, content in body["content"].items():
            if "example" in content:
                example = content["example"]
                given = {"content": example} if isinstance(example, str) else {"json": example}
                address = path.format(model=MODEL, version="1")
                reply = served.client.post(address, headers={"Content-Type": kind}, **given)
                assert reply.status_code == 200, reply.text
                sent += 1
    assert sent == 6
