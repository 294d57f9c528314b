from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vouchml.training.cross_validation import CrossValidation, FoldScores
from vouchml.training.evaluation import Evaluation, evaluate
from vouchml.training.metrics import METRICS, Bools, Floats, point_metrics

FOLDS = CrossValidation(folds=2, metrics={name: FoldScores(0.5, 0.1, (0.4, 0.6)) for name in METRICS})
NO_FOLDS = CrossValidation(folds=0, note="No cross-validation: too few rows.")


@pytest.fixture(scope="module")
def scored() -> tuple[Bools, Floats]:
    data = load_breast_cancer(as_frame=True)
    train, test = train_test_split(np.arange(569), test_size=0.2, stratify=data.target, random_state=42)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(data.data.iloc[train], data.target.iloc[train])
    return data.target.to_numpy()[test] == 1, model.predict_proba(data.data.iloc[test])[:, 1]


def run(
    y_true: Bools, p: Floats, *, labels: tuple[str, str] = ("malignant", "benign"), folds: CrossValidation = FOLDS
) -> Evaluation:
    return evaluate(
        y_true,
        p,
        labels=labels,
        positive_class="benign",
        threshold=0.5,
        resamples=500,
        random_state=42,
        cross_validation=folds,
    )


def test_the_values_are_the_point_metrics_each_within_its_interval(scored: tuple[Bools, Floats]) -> None:
    found = run(*scored)
    assert {name: estimate.value for name, estimate in found.metrics.items()} == point_metrics(*scored, threshold=0.5)
    assert all(estimate.low <= estimate.value <= estimate.high for estimate in found.metrics.values())
    assert (found.rows, found.positives) == (114, 72)


def test_the_confusion_matrix_is_scikit_learns_in_the_order_of_the_classes(scored: tuple[Bools, Floats]) -> None:
    y_true, p = scored
    expected = confusion_matrix(y_true, p >= 0.5)
    assert run(y_true, p).confusion == tuple(map(tuple, expected.tolist()))
    assert run(y_true, p, labels=("benign", "malignant")).confusion == tuple(map(tuple, expected[::-1, ::-1].tolist()))


def test_the_json_form_survives_strict_json(scored: tuple[Bools, Floats]) -> None:
    found = run(*scored).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["cross_validation"]["metrics"]["f1"] == {"mean": 0.5, "std": 0.1, "per_fold": [0.4, 0.6]}


def test_the_mlflow_form_names_value_interval_and_folds_of_each_metric(scored: tuple[Bools, Floats]) -> None:
    flat = run(*scored).as_mlflow_metrics()
    forms = ("{}", "{}_ci_low", "{}_ci_high", "cv_{}_mean", "cv_{}_std")
    assert set(flat) == {form.format(name) for form in forms for name in METRICS}
    assert {type(value) for value in flat.values()} == {float}


def test_without_cross_validation_the_mlflow_form_has_no_folds_and_the_notes_say_why(
    scored: tuple[Bools, Floats],
) -> None:
    found = run(*scored, folds=NO_FOLDS)
    assert not any(name.startswith("cv_") for name in found.as_mlflow_metrics())
    assert NO_FOLDS.note in found.notes


def test_a_note_names_the_metrics_whose_interval_has_no_width() -> None:
    y_true = np.array([True] * 5 + [False] * 5)
    found = run(y_true, np.where(y_true, 0.9, 0.1) + np.arange(10) / 1000)
    assert found.notes == (
        "All resamples agree on accuracy, precision, recall, f1, roc_auc, average_precision: "
        "too few errors to say how certain that is.",
    )


def test_the_same_rows_and_seed_give_the_same_evaluation(scored: tuple[Bools, Floats]) -> None:
    assert run(*scored) == run(*scored)


def test_the_negative_class_is_the_other_label(scored: tuple[Bools, Floats]) -> None:
    assert run(*scored).negative_class == "malignant"
    assert run(*scored, labels=("benign", "malignant")).negative_class == "malignant"
