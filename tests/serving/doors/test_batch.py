from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tests.serving.doors.conftest import ServeWith

BATCH = "/predict/batch"
INFER = "/v2/models/breast_cancer_classifier/infer"
MARKER = "8675309.4242"


def records(names: list[str], rows: NDArray[np.float64]) -> list[dict[str, float]]:
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]


def refusal(reply: httpx.Response, status: int) -> dict[str, Any]:
    detail: dict[str, Any] = reply.json()["detail"]
    assert reply.status_code == status, reply.text
    assert MARKER not in reply.text
    return detail


@pytest.fixture(scope="module")
def odd_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The table, and rows of numbers of every size."""
    random = np.random.default_rng(20)
    sizes = 10.0 ** random.uniform(-300, 300, (200, rows.shape[1]))
    return np.concatenate([rows, random.choice([-1.0, 1.0], sizes.shape) * sizes, np.zeros((1, rows.shape[1]))])


def test_a_batch_is_answered_as_its_rows_are_one_by_one_bit_for_bit_and_in_order(
    shared_client: httpx.Client, names: list[str], odd_rows: NDArray[np.float64]
) -> None:
    asked = records(names, odd_rows)
    reply = shared_client.post(BATCH, json={"rows": asked, "request_id": "batch:1"})
    singles = [shared_client.post("/predict", json={"features": row}).json() for row in asked]

    answer = reply.json()
    predictions = answer.pop("predictions")
    assert reply.headers["X-Request-ID"] == answer.pop("request_id") == "batch:1"
    batch_id = predictions[0]["prediction_id"].partition("-")[0]
    assert re.fullmatch("[0-9a-f]{32}", batch_id)
    assert answer == {key: singles[0][key] for key in answer}
    assert predictions == [
        {
            "probability_positive_class": single["probability_positive_class"],
            "prediction": single["prediction"],
            "prediction_label": single["prediction_label"],
            "prediction_id": f"{batch_id}-{place}",
            "out_of_range_count": len(single["out_of_range"]),
        }
        for place, single in enumerate(singles)
    ]


def test_every_door_gives_the_same_probability_bit_for_bit(
    shared_client: httpx.Client, names: list[str], odd_rows: NDArray[np.float64]
) -> None:
    asked = records(names, odd_rows)
    tensor = {"name": "features", "shape": list(odd_rows.shape), "datatype": "FP64", "data": odd_rows.ravel().tolist()}

    ours = shared_client.post(BATCH, json={"rows": asked}).json()["predictions"]
    mlflow = shared_client.post("/invocations", json={"dataframe_records": asked}).json()["predictions"]
    outputs = shared_client.post(INFER, json={"inputs": [tensor]}).json()["outputs"]

    probabilities = [row["probability_positive_class"] for row in ours]
    assert [positive for _, positive in mlflow] == probabilities
    assert [negative for negative, _ in mlflow] == [1.0 - positive for positive in probabilities]
    assert outputs[0]["data"] == probabilities
    assert outputs[1]["data"] == [row["prediction"] for row in ours]
    assert outputs[2]["data"] == [row["prediction_label"] for row in ours]


def test_what_is_wrong_is_named_by_its_row_and_refuses_the_whole_batch(
    shared_client: httpx.Client, names: list[str], rows: NDArray[np.float64]
) -> None:
    asked: list[Any] = records(names, rows[:6])
    del asked[1]["mean area"]
    asked[2]["colour"] = float(MARKER)
    asked[3]["mean radius"] = MARKER
    asked[4] = [float(MARKER)]

    detail = refusal(shared_client.post(BATCH, json={"rows": asked}), 422)

    assert detail["code"] == "contract-breach"
    assert detail["missing"] == ["rows[1].mean area"]
    assert detail["extra"] == ["rows[2].colour"]
    assert [entry["feature"] for entry in detail["invalid"]] == ["rows[3].mean radius", "rows[4]"]


def test_of_very_many_mistakes_the_first_are_listed(
    shared_client: httpx.Client, names: list[str], rows: NDArray[np.float64]
) -> None:
    asked = [{**row, "mean radius": MARKER} for row in records(names, rows)]

    detail = refusal(shared_client.post(BATCH, json={"rows": asked}), 422)

    assert [entry["feature"] for entry in detail["invalid"]] == [f"rows[{place}].mean radius" for place in range(50)]


@pytest.mark.parametrize(
    ("body", "status", "listed"),
    [
        ("[]", 422, {"missing": ["rows"]}),
        ("{}", 422, {"missing": ["rows"]}),
        ('{"rows": []}', 422, {"invalid": ["rows"]}),
        ('{"rows": {}}', 422, {"invalid": ["rows"]}),
        ('{"rows": null}', 422, {"invalid": ["rows"]}),
        ('{"rows": [{}], "explain": true}', 422, {"extra": ["explain"]}),
        ('{"rows": [{}], "request_id": ""}', 422, {"invalid": ["request_id"]}),
        ('{"rows": [{"mean radius": NaN}, {"mean radius": 1, "mean radius": 2}]}', 400, {}),
        ('{"rows": [], "rows": []}', 400, {}),
        ('{"rows": [', 400, {}),
        ("", 400, {}),
    ],
)
def test_a_body_of_another_shape_is_refused_with_lists(
    shared_client: httpx.Client, body: str, status: int, listed: dict[str, list[str]]
) -> None:
    reply = shared_client.post(BATCH, content=body, headers={"Content-Type": "application/json"})

    detail = refusal(reply, status)
    named = {**detail, "invalid": [entry["feature"] for entry in detail["invalid"]]}
    assert {key: named[key] for key in ("missing", "extra", "invalid") if named[key]} == listed


def test_the_limits_of_rows_and_bytes_are_those_of_the_settings(
    serve_with: ServeWith, names: list[str], rows: NDArray[np.float64]
) -> None:
    def body(count: int, length: int = 0) -> bytes:
        return json.dumps({"rows": records(names, rows[:count])}).encode().ljust(length)

    def post(content: bytes, path: str = BATCH) -> httpx.Response:
        return client.post(path, content=content, headers={"Content-Type": "application/json"})

    with serve_with(max_batch_rows=10, max_batch_bytes=20_000, max_body_bytes=2_000) as client:
        assert len(post(body(10)).json()["predictions"]) == 10
        too_many = refusal(post(body(11)), 422)
        assert post(body(10, 20_000)).status_code == 200
        too_long = refusal(post(body(10, 20_001)), 413)
        one_row = refusal(post(b" " * 2_001, "/predict"), 413)

    assert too_many["invalid"][0]["problem"].startswith("must be an array of 1 to 10 objects")
    assert too_long["message"].startswith("The body is longer than 20000 bytes.")
    assert one_row["message"].startswith("The body is longer than 2000 bytes.")


def test_a_body_far_longer_than_one_row_may_have_is_taken(
    shared_client: httpx.Client, names: list[str], rows: NDArray[np.float64]
) -> None:
    many = np.resize(rows, (10_000, rows.shape[1]))

    reply = shared_client.post(BATCH, json={"rows": records(names, many)})

    assert len(reply.request.content) > 5_000_000
    assert len(reply.json()["predictions"]) == 10_000


def test_rows_beyond_what_a_worker_has_under_way_are_told_to_come_again_and_others_are_answered(
    serve_with: ServeWith, names: list[str], rows: NDArray[np.float64]
) -> None:
    long = json.dumps({"rows": records(names, np.resize(rows, (2_000, rows.shape[1])))}).encode()
    one = records(names, rows[:1])[0]

    def post(_: int) -> httpx.Response:
        return client.post(BATCH, content=long, headers={"Content-Type": "application/json"})

    with serve_with(max_rows_in_flight=2_500) as client:
        with ThreadPoolExecutor(8) as callers:
            together = list(callers.map(post, range(16)))
            single = client.post("/predict", json={"features": one})
        after = post(0)

    assert {reply.status_code for reply in together} == {200, 503}
    refused = [reply for reply in together if reply.status_code == 503]
    assert {refusal(reply, 503)["code"] for reply in refused} == {"service-busy"}
    assert {tuple(reply.headers.get_list("retry-after")) for reply in refused} == {("1",)}
    assert single.status_code == after.status_code == 200  # what was under way is given back


def test_a_request_of_more_rows_than_may_be_under_way_is_answered_when_it_is_alone(
    serve_with: ServeWith, names: list[str], rows: NDArray[np.float64]
) -> None:
    with serve_with(max_rows_in_flight=5) as client:
        for _ in range(2):
            assert client.post(BATCH, json={"rows": records(names, rows[:6])}).status_code == 200
            assert client.post(BATCH, json={"rows": []}).status_code == 422
