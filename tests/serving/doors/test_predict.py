from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from vouchml.model.scorers.sklearn import SklearnScorer
from vouchml.serving.app import create_app
from vouchml.serving.following.bundle_cache import BundleCache
from vouchml.serving.following.served_model import Lineup

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Following, Project, Serve

MARKER = "8675309.4242"
JSON = {"Content-Type": "application/json"}
ERROR_KEYS = {"code", "message", "missing", "extra", "invalid"}


def post(client: httpx.Client, content: bytes | str | Iterator[bytes], **headers: str) -> httpx.Response:
    return client.post("/predict", content=content, headers={**JSON, **headers})


def test_an_answer_names_its_probability_its_label_and_where_it_comes_from(
    shared_client: httpx.Client, features: dict[str, float]
) -> None:
    reply = shared_client.post("/predict", json={"request_id": "patient:1.a_b-C", "features": features})

    info = shared_client.get("/model-info").json()
    answer = reply.json()
    assert reply.status_code == 200
    assert reply.headers["X-Request-ID"] == "patient:1.a_b-C"
    assert re.fullmatch("[0-9a-f]{32}", answer.pop("prediction_id"))
    assert 0 <= answer.pop("probability_positive_class") < 0.5
    assert answer == {
        "positive_class": "benign",
        "prediction": 0,
        "prediction_label": "malignant",
        "request_id": "patient:1.a_b-C",
        "model_name": "breast_cancer_classifier",
        "model_stage": "Staging",
        "model_version": "1",
        "source_run_id": info["source_run_id"],
        "threshold": 0.5,
        "model_role": "champion",
        "shadow_version": None,
        "out_of_range": [],
    }


def test_a_request_without_an_id_gets_one_of_its_own_which_names_its_prediction_too(
    shared_client: httpx.Client, features: dict[str, float]
) -> None:
    replies = [shared_client.post("/predict", json={"features": features}) for _ in range(2)]

    ids = [reply.json()["request_id"] for reply in replies]
    assert [reply.headers["X-Request-ID"] for reply in replies] == ids
    assert all(re.fullmatch("[0-9a-f]{32}", text) for text in ids)
    assert [reply.json()["prediction_id"] for reply in replies] == ids
    assert len(set(ids)) == 2


def test_every_row_of_the_table_gets_the_probability_that_scikit_learn_gives(
    served_project: Project, shared_client: httpx.Client, names: list[str], rows: NDArray[np.float64]
) -> None:
    registry = served_project.registry
    version = registry.version(served_project.name, "1")
    bundle = BundleCache(served_project.settings.private_folder / "bundles").obtain(
        lambda folder: registry.fetch(version, folder), accept=lambda _: None
    )
    expected = SklearnScorer.load(bundle).positive_probability(rows)

    answers = [
        shared_client.post("/predict", json={"features": dict(zip(names, row, strict=True))}).json()
        for row in rows.tolist()
    ]

    served = np.array([answer["probability_positive_class"] for answer in answers])
    assert len(served) == 569
    assert np.abs(served - expected).max() <= 1e-12
    assert [answer["prediction"] for answer in answers] == (expected >= 0.5).astype(int).tolist()


def test_the_order_of_the_features_does_not_matter(shared_client: httpx.Client, features: dict[str, float]) -> None:
    turned = dict(reversed(features.items()))

    probabilities = {
        shared_client.post("/predict", json={"features": given}).json()["probability_positive_class"]
        for given in (features, turned)
    }

    assert len(probabilities) == 1


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("true", "boolean"),
        (f'"{MARKER}"', "string"),
        ("null", "null"),
        (f"[{MARKER}]", "array"),
        (f'{{"a": {MARKER}}}', "object"),
        ("NaN", "NaN or Infinity"),
        ("Infinity", "NaN or Infinity"),
        ("-Infinity", "NaN or Infinity"),
        ("1e999", "finite"),
        (MARKER.replace(".", "") + "0" * 400, "finite"),
        ("9007199254740993", "64-bit float"),
    ],
)
def test_a_value_that_is_not_a_finite_number_is_refused_by_the_name_of_its_feature(
    shared_client: httpx.Client, features: dict[str, float], value: str, problem: str
) -> None:
    body = json.dumps({"features": {**features, "mean radius": "HERE"}}).replace('"HERE"', value)

    reply = post(shared_client, body)

    detail = refusal(reply, 422, "contract-breach")
    assert [entry["feature"] for entry in detail["invalid"]] == ["mean radius"]
    assert problem in detail["invalid"][0]["problem"]
    assert detail["missing"] == detail["extra"] == []
    assert MARKER.replace(".", "") not in reply.text
    assert MARKER not in reply.text


def test_missing_extra_and_invalid_features_are_listed_together(
    shared_client: httpx.Client, features: dict[str, float]
) -> None:
    del features["mean area"], features["mean texture"]

    reply = shared_client.post(
        "/predict", json={"features": {**features, "mean aera": float(MARKER), "mean radius": "x"}}
    )

    detail = refusal(reply, 422, "contract-breach")
    assert detail["missing"] == ["mean texture", "mean area"]
    assert detail["extra"] == ["mean aera"]
    assert [entry["feature"] for entry in detail["invalid"]] == ["mean radius"]
    assert "Did you mean 'mean area'?" in detail["message"]
    assert MARKER not in reply.text


@pytest.mark.parametrize(
    ("body", "listed"),
    [
        ("[]", {"missing": ["features"]}),
        ("null", {"missing": ["features"]}),
        (MARKER, {"missing": ["features"]}),
        ("{}", {"missing": ["features"]}),
        ('{"feature": {}}', {"missing": ["features"], "extra": ["feature"]}),
        (f'{{"features": {{}}, "data": {MARKER}}}', {"extra": ["data"]}),
        ('{"features": {}, "\\ud800": 1}', {"extra": ["?"]}),
        (f'{{"features": [{MARKER}]}}', {"invalid": ["features"]}),
        ('{"features": null}', {"invalid": ["features"]}),
        (f'{{"features": {{}}, "request_id": {MARKER}}}', {"invalid": ["request_id"]}),
        ('{"features": {}, "request_id": null}', {"invalid": ["request_id"]}),
        ('{"features": {}, "request_id": ""}', {"invalid": ["request_id"]}),
        ('{"features": {}, "request_id": "a\\n"}', {"invalid": ["request_id"]}),
        ('{"features": {}, "request_id": "a\\r\\nSet-Cookie: a=b"}', {"invalid": ["request_id"]}),
        (f'{{"features": {{}}, "request_id": "{"a" * 129}"}}', {"invalid": ["request_id"]}),
    ],
)
def test_a_body_of_another_shape_is_refused_with_lists(
    shared_client: httpx.Client, body: str, listed: dict[str, list[str]]
) -> None:
    reply = post(shared_client, body)

    detail = refusal(reply, 422, "contract-breach")
    named = {**detail, "invalid": [entry["feature"] for entry in detail["invalid"]]}
    assert {key: named[key] for key in ("missing", "extra", "invalid") if named[key]} == listed
    assert MARKER not in reply.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"features": {"mean radius": 1} "x"}',
        b'{"features": {"mean radius": ' + MARKER.encode() + b', "mean radius": 1}}',
        b'{"features": {}, "features": {}}',
        b'{"features": {"nobody knows ' + MARKER.encode() + b'": 1, "nobody knows ' + MARKER.encode() + b'": 1}}',
        b'{"features": {}} {}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"features": {"mean radius": 01}}',
        b'{"features": {"mean radius": 1' + b"0" * 5000 + b"}}",
        b"[" * 100_000,
        b"{'features': {}}",
        b'{"features": {},}',
    ],
)
def test_a_body_that_is_not_strict_json_is_refused(shared_client: httpx.Client, body: bytes) -> None:
    reply = post(shared_client, body)

    refusal(reply, 400, "body-malformed")
    assert MARKER not in reply.text


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/jsonp"],
)
def test_a_body_that_is_not_declared_as_json_is_refused(
    shared_client: httpx.Client, features: dict[str, float], content_type: str
) -> None:
    body = json.dumps({"features": features})

    reply = shared_client.post("/predict", content=body, headers={"Content-Type": content_type} if content_type else {})

    refusal(reply, 415, "body-type-unsupported")


def test_a_compressed_body_is_refused(shared_client: httpx.Client) -> None:
    refusal(post(shared_client, b"{}", **{"Content-Encoding": "gzip"}), 415, "body-type-unsupported")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
def test_the_charset_utf_8_may_be_named(
    shared_client: httpx.Client, features: dict[str, float], content_type: str
) -> None:
    reply = post(shared_client, json.dumps({"features": features}), **{"Content-Type": content_type})

    assert reply.status_code == 200


def test_a_body_that_declares_too_great_a_length_is_refused(shared_client: httpx.Client) -> None:
    reply = post(shared_client, b"[" * (1024 * 1024 + 1))

    refusal(reply, 413, "body-too-large")
    assert reply.headers["Connection"] == "close"


def test_reading_a_body_without_a_length_stops_at_the_limit(shared_client: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1024**3:
            sent += 65536
            yield b" " * 65536

    reply = post(shared_client, endless())

    refusal(reply, 413, "body-too-large")
    assert sent < 64 * 1024 * 1024


def test_a_body_at_the_limit_is_read(shared_client: httpx.Client, features: dict[str, float]) -> None:
    body = json.dumps({"features": features}).encode()

    assert post(shared_client, body + b" " * (1024 * 1024 - len(body))).status_code == 200


def test_without_a_model_the_reply_says_why_and_when_to_ask_again(
    served_project: Project, serve: Serve, eventually: Eventually
) -> None:
    with serve(create_app(served_project.settings)) as client:
        eventually(lambda: client.get("/health").json()["registry_reachable"] is True)
        reply = post(client, b"nonsense")
        too_long = post(client, b"[" * (1024 * 1024 + 1))
        wrong_type = client.post("/predict", content=b"{}")

    detail = refusal(reply, 503, "no-model-loaded")
    assert "No version of breast_cancer_classifier is in Staging" in detail["message"]
    assert reply.headers["Retry-After"] == "1"
    refusal(too_long, 413, "body-too-large")
    refusal(wrong_type, 415, "body-type-unsupported")


def test_a_prediction_and_a_refusal_are_one_json_line_each_without_inputs_or_outcome(
    shared_client: httpx.Client,
    features: dict[str, float],
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
) -> None:
    def lines() -> list[dict[str, Any]]:
        # Lines of requests before these may come late, since a line waits for up to a quarter of a second.
        logged = (json.loads(record.getMessage()) for record in caplog.records if record.name == "vouchml.predictions")
        ours = (answer["request_id"], refused.headers["X-Request-ID"])
        return [line for line in logged if line["request_id"] in ours]

    with caplog.at_level(logging.INFO, logger="vouchml.predictions"):
        answer = shared_client.post("/predict", json={"features": features}).json()
        refused = shared_client.post("/predict", json={"features": {MARKER: 1}})
        eventually(lambda: len(lines()) == 2)

    prediction, refusal_line = lines()
    for line in (prediction, refusal_line):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert prediction == {
        "event": "prediction",
        "caller": "anonymous",
        **{key: answer[key] for key in ("request_id", "prediction_id", "model_name", "model_version", "source_run_id")},
    }
    assert refusal_line == {
        "event": "refusal",
        "door": "predict",
        "caller": "anonymous",
        "request_id": refused.headers["X-Request-ID"],
        "status": 422,
        "code": "contract-breach",
    }


def test_an_unexpected_failure_shows_neither_stack_nor_value(
    served_project: Project, features: dict[str, float], serve: Serve, follower: Following, eventually: Eventually
) -> None:
    class Failing:
        def positive_probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
            raise RuntimeError(f"cannot score {rows[0, 0]}")

        def positive_probability_of_one(self, row: NDArray[np.float64]) -> float:
            raise RuntimeError(f"cannot score {row[0]}")

    served_project.promote("1")
    follower.poll()
    service = create_app(served_project.settings)
    with serve(service) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        champion = service.follower.serving_model()
        service.follower.lineup = Lineup(replace(champion, scorer=Failing()))
        reply = client.post("/predict", json={"features": {**features, "mean radius": float(MARKER)}})

    refusal(reply, 500, "internal-error")
    assert MARKER not in reply.text
    assert "Traceback" not in reply.text


def test_a_model_that_only_scikit_learn_can_score_is_served_with_the_same_answers(
    served_project: Project, shared_client: httpx.Client, features: dict[str, float], serve: Serve,
    eventually: Eventually,
) -> None:  # fmt: skip
    def name_the_other_scorer(folder: Any) -> None:
        path = folder / "contract.json"
        path.write_text(path.read_text().replace('"scorer":"affine"', '"scorer":"sklearn"'))

    number = served_project.add_version(name_the_other_scorer, served_project.settings.root / "source")
    served_project.promote(str(number))

    with serve(create_app(served_project.settings)) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        assert client.get("/model-info").json()["scorer"] == "sklearn"
        ours = client.post("/predict", json={"features": features}).json()

    theirs = shared_client.post("/predict", json={"features": features}).json()
    assert abs(ours["probability_positive_class"] - theirs["probability_positive_class"]) <= 1e-12


def refusal(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The detail of an error reply, checked for its shape."""
    detail: dict[str, Any] = reply.json()["detail"]
    assert reply.status_code == status
    assert reply.json().keys() == {"detail"}
    assert detail.keys() == ERROR_KEYS
    assert detail["code"] == code
    assert detail["message"]
    return detail
