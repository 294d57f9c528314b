"""A feature outside the range that it had in training: flagged or refused, at every door alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tests.serving.doors.conftest import ServeWith

INFER = "/v2/models/breast_cancer_classifier/infer"
MARKER = 8675309.4242

Records = list[dict[str, float]]
Ask = Callable[[httpx.Client, Records], httpx.Response]


def infer(client: httpx.Client, records: Records) -> httpx.Response:
    numbers = [number for record in records for number in record.values()]
    tensor = {"name": "features", "shape": [len(records), len(records[0])], "datatype": "FP64", "data": numbers}
    return client.post(INFER, json={"inputs": [tensor]})


MANY: dict[str, Ask] = {
    "batch": lambda client, records: client.post("/predict/batch", json={"rows": records}),
    "invocations": lambda client, records: client.post("/invocations", json={"instances": records}),
    "open inference": infer,
}


@pytest.fixture
def odd(names: list[str], rows: NDArray[np.float64]) -> Records:
    """Three rows: one in range, one with two features outside, and one with one."""
    records = [dict(zip(names, row, strict=True)) for row in rows[:3].tolist()]
    records[1].update({"mean radius": MARKER, "worst area": -1.0})
    records[2].update({"mean texture": MARKER})
    return records


def counted(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("vouch_out_of_range_total"))


def flags(reply: httpx.Response) -> Any:
    """How many features an answer says to be outside, in the words of its door."""
    answer = reply.json()
    if "predictions" in answer and "model_name" in answer:
        return [row["out_of_range_count"] for row in answer["predictions"]]
    if "outputs" in answer:
        return answer["parameters"]["out_of_range_count"]
    return int(reply.headers["X-Vouch-Out-Of-Range"])


def test_features_outside_are_flagged_by_default_and_counted(serve_with: ServeWith, odd: Records) -> None:
    with serve_with() as client:
        singles = [client.post("/predict", json={"features": record}).json() for record in odd]
        after_singles = counted(client)
        many = {name: flags(ask(client, odd)) for name, ask in MANY.items()}
        after_all = counted(client)

    assert [answer["out_of_range"] for answer in singles] == [[], ["mean radius", "worst area"], ["mean texture"]]
    assert many == {"batch": [0, 2, 1], "invocations": 3, "open inference": 3}
    assert (after_singles, after_all) == (3.0, 12.0)


def test_features_outside_are_refused_where_the_settings_say_so(
    serve_with: ServeWith, odd: Records, names: list[str], rows: NDArray[np.float64]
) -> None:
    with serve_with(out_of_range="refuse") as client:
        one = client.post("/predict", json={"features": odd[1]})
        many = {name: ask(client, odd) for name, ask in MANY.items()}
        in_range = [ask(client, odd[:1]).status_code for ask in MANY.values()]
        counts = counted(client)

    assert in_range == [200, 200, 200]
    assert counts == 2.0 + 3 * 3.0
    assert one.status_code == many["batch"].status_code == 422
    assert listed(one) == ["mean radius", "worst area"]
    assert listed(many["batch"]) == ["rows[1].mean radius", "rows[1].worst area", "rows[2].mean texture"]
    for reply, key in ((many["invocations"], "message"), (many["open inference"], "error")):
        assert reply.status_code == 400
        for name in listed(many["batch"]):
            assert f"{name}: is outside the range that it had in training" in reply.json()[key]
    for reply in (one, *many.values()):
        assert str(MARKER) not in reply.text


def listed(reply: httpx.Response) -> list[str]:
    return [entry["feature"] for entry in reply.json()["detail"]["invalid"]]


def test_the_ends_of_a_range_belong_to_it(serve_with: ServeWith) -> None:
    with serve_with(out_of_range="refuse") as client:
        body = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
        schema = body["content"]["application/json"]["schema"]["properties"]["features"]["properties"]
        lowest = {name: feature["minimum"] for name, feature in schema.items()}
        highest = {name: feature["maximum"] for name, feature in schema.items()}
        ends = client.post("/predict/batch", json={"rows": [lowest, highest]})
        beyond = [
            (name, client.post("/predict", json={"features": {**lowest, name: number}}))
            for name in schema
            for number in (np.nextafter(lowest[name], -np.inf), np.nextafter(highest[name], np.inf))
        ]

    assert len(schema) == 30
    assert [row["out_of_range_count"] for row in ends.json()["predictions"]] == [0, 0]
    assert [listed(reply) for _, reply in beyond] == [[name] for name, _ in beyond]
