from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from skops.io import dumps
from tests.model.small_bundle import small_bundle, small_contract

from vouchml.errors import ExplanationUnavailable
from vouchml.model import Bundle, Explanation, explain, load_scorer
from vouchml.model.scorers.affine import AFFINE_FILE, AffineModel, AffineScorer
from vouchml.training.estimators import build_pipeline, fit
from vouchml.training.forms import ExportFailed, export_forms

Matrix = NDArray[np.float64]
Make = Callable[..., tuple[Bundle, Any]]

DATA = load_breast_cancer(as_frame=True)
ROWS: Matrix = DATA.data.to_numpy()
NAMES = tuple(f"feature {index}" for index in range(30))
SMALL: dict[str, dict[str, int]] = {
    "logistic_regression": {},
    "hist_gradient_boosting": {"max_depth": 4, "max_iter": 20},
    "random_forest": {"max_depth": 4, "n_estimators": 20},
}


@pytest.fixture(scope="module")
def fitted() -> Callable[[str], Any]:
    """Fit each estimator once."""
    made: dict[str, Any] = {}

    def of(estimator: str) -> Any:
        if estimator not in made:
            pipeline = build_pipeline(estimator, SMALL[estimator], random_state=0)
            frame = pd.DataFrame(ROWS, columns=list(NAMES))
            made[estimator] = fit(pipeline, frame, DATA.target.to_numpy())[0]
        return made[estimator]

    return of


@pytest.fixture
def version_of(fitted: Callable[[str], Any], tmp_path: Path) -> Make:
    """The files of a version as `vouch train` writes them, and its pipeline."""

    def make(estimator: str, scorer: str, positive_class: str = "yes") -> tuple[Bundle, Any]:
        pipeline = fitted(estimator)
        contract = small_contract(30, estimator=estimator, scorer=scorer, positive_class=positive_class)
        exports = export_forms(pipeline, ROWS, positive_index=contract.positive_index)
        files = {"model.skops": dumps(pipeline)}
        files |= {
            file: content
            for file, content in ((AFFINE_FILE, exports["affine"]), ("model.onnx", exports["onnx"]))
            if not isinstance(content, ExportFailed)
        }
        return small_bundle(tmp_path, contract, files), pipeline

    return make


def added_up(explanation: Explanation) -> float:
    return explanation.base_value + sum(explanation.contributions.values())


@pytest.mark.parametrize(("positive_class", "sign"), [("yes", 1.0), ("no", -1.0)])
def test_a_linear_model_is_explained_exactly(positive_class: str, sign: float, version_of: Make) -> None:
    bundle, pipeline = version_of("logistic_regression", "affine", positive_class)
    scorer = load_scorer(bundle)
    decisions = sign * pipeline.decision_function(pd.DataFrame(ROWS, columns=list(NAMES)))
    for row, decision in zip(ROWS, decisions, strict=True):
        explanation = explain(scorer, bundle.contract, row)
        assert explanation.unit == "log-odds"
        assert tuple(explanation.contributions) == NAMES
        assert abs(added_up(explanation) - explanation.score) <= 1e-9
        assert abs(explanation.score - decision) <= 1e-9
        probability = scorer.positive_probability_of_one(row)
        assert 1 / (1 + np.exp(-explanation.score)) == pytest.approx(probability, abs=1e-15)


def test_a_contribution_is_the_coefficient_times_the_distance_from_the_mean(version_of: Make) -> None:
    bundle, pipeline = version_of("logistic_regression", "affine")
    mean, scale = pipeline[0].mean_, pipeline[0].scale_
    expected = pipeline[1].coef_[0] / scale * (ROWS[7] - mean)
    explanation = explain(load_scorer(bundle), bundle.contract, ROWS[7])
    assert np.allclose(list(explanation.contributions.values()), expected, rtol=1e-12, atol=1e-12)
    assert explanation.base_value == pytest.approx(pipeline[1].intercept_[0], abs=1e-12)


def test_a_row_of_means_has_no_contributions(version_of: Make) -> None:
    bundle, _ = version_of("logistic_regression", "affine")
    scorer = load_scorer(bundle)
    assert isinstance(scorer, AffineScorer)
    explanation = explain(scorer, bundle.contract, scorer.baseline)
    assert set(explanation.contributions.values()) == {0.0}
    assert explanation.score == explanation.base_value


MODERATE = st.floats(min_value=-1e3, max_value=1e3)


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(*[st.lists(MODERATE, min_size=n, max_size=n)] * 3)), MODERATE)
def test_the_contributions_of_any_linear_model_add_up(lists: tuple[list[float], ...], intercept: float) -> None:
    coefficients, baseline, row = (tuple(numbers) for numbers in lists)
    scorer = AffineScorer.of(AffineModel(coefficients=coefficients, intercept=intercept, baseline=baseline))
    explanation = explain(scorer, small_contract(len(row)), np.array(row))
    assert abs(added_up(explanation) - explanation.score) <= 1e-9 * max(1.0, abs(explanation.score))


@pytest.mark.parametrize("row", [[1e308, 1e308], [1e308, -1e308], [1e17, -1e17]])
def test_a_row_whose_contributions_leave_float64_or_cancel_is_refused(row: list[float]) -> None:
    scorer = AffineScorer(np.array([1e2, 1e2]), 0.5, np.array([1.0, 1.0]))
    with pytest.raises(ExplanationUnavailable, match="do not add up"):
        explain(scorer, small_contract(2), np.array(row))


@pytest.mark.parametrize(("positive_class", "column"), [("yes", 1), ("no", 0)])
@pytest.mark.parametrize(
    ("estimator", "unit"), [("hist_gradient_boosting", "log-odds"), ("random_forest", "probability")]
)
def test_trees_are_explained_in_the_unit_in_which_they_add(
    estimator: str, unit: str, positive_class: str, column: int, version_of: Make
) -> None:
    bundle, pipeline = version_of(estimator, "sklearn", positive_class)
    scorer = load_scorer(bundle)
    probabilities = pipeline.predict_proba(pd.DataFrame(ROWS[:40], columns=list(NAMES)))[:, column]
    for row, probability in zip(ROWS[:40], probabilities, strict=True):
        explanation = explain(scorer, bundle.contract, row)
        assert explanation.unit == unit
        assert abs(added_up(explanation) - explanation.score) <= 1e-9
        as_probability = explanation.score if unit == "probability" else 1 / (1 + np.exp(-explanation.score))
        assert as_probability == pytest.approx(probability, abs=1e-12)


def test_what_pushes_towards_the_answer_has_its_sign(version_of: Make) -> None:
    bundle, _ = version_of("random_forest", "sklearn")
    scorer = load_scorer(bundle)
    scores = [(explain(scorer, bundle.contract, row).score, row) for row in ROWS[:60]]
    highest, lowest = max(scores, key=lambda pair: pair[0])[1], min(scores, key=lambda pair: pair[0])[1]
    assert sum(explain(scorer, bundle.contract, highest).contributions.values()) > 0
    assert sum(explain(scorer, bundle.contract, lowest).contributions.values()) < 0


@pytest.mark.parametrize("scorer", ["onnx", "sklearn"])
def test_a_linear_model_without_an_exact_affine_form_is_not_explained(scorer: str, version_of: Make) -> None:
    bundle, _ = version_of("logistic_regression", scorer)
    with pytest.raises(ExplanationUnavailable, match="no form that can be explained") as refused:
        explain(load_scorer(bundle), bundle.contract, ROWS[0])
    assert (refused.value.code, refused.value.http_status) == ("explanation-unavailable", 409)


WITHOUT_SHAP = """
import sys
from pathlib import Path
import numpy as np
sys.modules["shap"] = None
from vouchml.errors import ExplanationUnavailable
from vouchml.model import explain, load_scorer, open_bundle
bundle = open_bundle(Path(sys.argv[1]))
scorer = load_scorer(bundle)
row = np.ones(30)
print(0.0 <= scorer.positive_probability_of_one(row) <= 1.0)
try:
    explain(scorer, bundle.contract, row)
except ExplanationUnavailable as error:
    print(error.message)
    print(error.remedy)
"""


def test_without_the_package_trees_serve_and_the_refusal_says_what_to_install(version_of: Make) -> None:
    bundle, _ = version_of("random_forest", "sklearn")
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_SHAP, str(bundle.folder)], capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == [
        "True",
        "Explanations of this model need the package shap, which is not installed with this service.",
        "pip install 'vouchml[explain]'",
    ]


def test_a_linear_model_is_scored_and_explained_without_the_heavy_libraries(version_of: Make) -> None:
    bundle, _ = version_of("logistic_regression", "affine")
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from vouchml.model import explain, load_scorer, open_bundle\n"
        "bundle = open_bundle(Path(sys.argv[1])); scorer = load_scorer(bundle)\n"
        "explain(scorer, bundle.contract, np.ones(30)); scorer.positive_probability_of_one(np.ones(30))\n"
        "print([name for name in ('sklearn', 'pandas', 'mlflow', 'onnxruntime', 'shap') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code, str(bundle.folder)], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_an_explanation_is_json_as_the_service_answers_it(version_of: Make) -> None:
    bundle, _ = version_of("logistic_regression", "affine")
    explanation = explain(load_scorer(bundle), bundle.contract, ROWS[0])
    document = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert document["unit"] == "log-odds"
    assert set(document) == {"unit", "base_value", "score", "contributions"}
    assert document["contributions"] == explanation.contributions
