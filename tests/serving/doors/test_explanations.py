from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from numpy.typing import NDArray

from vouchml.registry import ModelRegistry
from vouchml.serving.app import create_app
from vouchml.settings import CanarySettings, ModelSettings, Settings, TrainingSettings, TrustSettings
from vouchml.training import train

if TYPE_CHECKING:
    from tests.serving.conftest import Following, Serve
    from tests.serving.doors.conftest import ServeWith

TOLERANCE = 1e-9


def explained(client: httpx.Client, features: dict[str, float], **more: Any) -> dict[str, Any]:
    reply = client.post("/predict", json={"features": features, "explain": True, **more})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def off(explanation: dict[str, Any]) -> float:
    """How far base value and contributions are from the score."""
    total = math.fsum((explanation["base_value"], *explanation["contributions"].values()))
    return float(abs(total - explanation["score"]))


def log_odds(probability: float) -> float:
    return math.log(probability) - math.log1p(-probability)


def test_the_contributions_add_up_to_the_log_odds_of_the_answer(
    shared_client: httpx.Client, names: list[str], rows: NDArray[Any]
) -> None:
    for row in rows[::10].tolist():
        answer = explained(shared_client, dict(zip(names, row, strict=True)))

        explanation = answer["explanation"]
        assert explanation["unit"] == "log-odds"
        assert list(explanation["contributions"]) == names
        assert off(explanation) <= TOLERANCE
        probability = answer["probability_positive_class"]
        # Near 1 a probability has too few digits left to find its log-odds again.
        if 1e-9 < probability < 1 - 1e-6:
            assert abs(explanation["score"] - log_odds(probability)) <= TOLERANCE


def test_nothing_is_explained_that_was_not_asked_for(shared_client: httpx.Client, features: dict[str, float]) -> None:
    for body in ({"features": features}, {"features": features, "explain": False}):
        assert "explanation" not in shared_client.post("/predict", json=body).json()


def test_the_version_that_answers_is_the_one_that_is_explained(
    serve_with: ServeWith, features: dict[str, float]
) -> None:
    with serve_with(canary=CanarySettings(version="2", share=0.5)) as client:
        answers = [explained(client, features, request_id=f"request:{number}") for number in range(30)]

    assert {answer["model_version"] for answer in answers} == {"1", "2"}
    for answer in answers:
        assert off(answer["explanation"]) <= TOLERANCE
        probability, score = answer["probability_positive_class"], answer["explanation"]["score"]
        assert math.isclose(1 / (1 + math.exp(-score)), probability, rel_tol=TOLERANCE)


def test_a_row_whose_contributions_do_not_add_up_is_refused_and_no_score_of_it_counted(
    shared_client: httpx.Client, features: dict[str, float]
) -> None:
    def scores() -> str:
        lines = shared_client.get("/metrics").text.splitlines()
        return next(line for line in lines if line.startswith("vouch_score_count"))

    huge = dict.fromkeys(features, 1.7e308)
    before = scores()

    reply = shared_client.post("/predict", json={"features": huge, "explain": True, "request_id": "huge"})

    assert reply.status_code == 409
    assert reply.json()["detail"]["code"] == "explanation-unavailable"
    assert reply.headers["X-Request-ID"] == "huge"
    assert scores() == before
    assert shared_client.post("/predict", json={"features": huge}).status_code == 200


def test_trees_are_explained_with_shap_and_clearly_refused_without_it(
    project: Settings,
    follow: Callable[[Settings], Following],
    serve: Serve,
    features: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trees = ModelSettings(estimator="hist_gradient_boosting", parameters={"max_iter": 20, "max_depth": 3})
    quick = TrainingSettings(cv_folds=2, bootstrap_resamples=100)
    unproved = TrustSettings(admission="off")
    settings = project.model_copy(update={"model": trees, "training": quick, "trust": unproved})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", settings.tracking_uri)
    train(settings)
    registry = ModelRegistry.connect(settings.tracking_uri)
    registry.promote(settings.project.registered_model, "1", stage="Staging", who="a test", why="to be served")
    follow(settings).poll()
    service = create_app(settings)

    with serve(service) as client:
        assert client.get("/model-info").json()["scorer"] == "sklearn"
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "shap", None)
            refused = client.post(
                "/predict",
                content=json.dumps({"features": features, "explain": True}),
                headers={"Content-Type": "application/json"},
            )
            plain = client.post("/predict", json={"features": features})
        answer = explained(client, features)

    assert refused.status_code == 409
    assert refused.json()["detail"]["message"] == (
        "Explanations of this model need the package shap, which is not installed with this service. "
        "pip install 'vouchml[explain]'"
    )
    assert plain.status_code == 200
    assert off(answer["explanation"]) <= TOLERANCE
    assert abs(answer["explanation"]["score"] - log_odds(answer["probability_positive_class"])) <= TOLERANCE
