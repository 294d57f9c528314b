from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from vouchml.training.cross_validation import CrossValidation, cross_validate
from vouchml.training.metrics import METRICS


def new_pipeline() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, NDArray[Any]]:
    data = load_breast_cancer(as_frame=True)
    return data.data, data.target.to_numpy()


def run(frame: pd.DataFrame, targets: NDArray[Any], *, positive: int | str = 1, folds: int = 5) -> CrossValidation:
    return cross_validate(
        new_pipeline, frame, targets, positive_value=positive, threshold=0.5, folds=folds, random_state=42
    )


@pytest.mark.parametrize(
    ("name", "scoring"), [("accuracy", "accuracy"), ("roc_auc", "roc_auc"), ("brier", "neg_brier_score")]
)
def test_folds_are_scored_as_by_cross_val_score(
    table: tuple[pd.DataFrame, NDArray[Any]], name: str, scoring: str
) -> None:
    splitter = StratifiedKFold(5, shuffle=True, random_state=42)
    expected = np.abs(cross_val_score(new_pipeline(), *table, cv=splitter, scoring=scoring))
    found = run(*table).metrics[name]
    assert found.per_fold == pytest.approx(expected, abs=1e-12)
    assert (found.mean, found.std) == pytest.approx((expected.mean(), expected.std()), abs=1e-12)


def test_every_metric_is_scored_on_every_fold(table: tuple[pd.DataFrame, NDArray[Any]]) -> None:
    found = run(*table)
    assert tuple(found.metrics) == METRICS
    assert (found.folds, found.note) == (5, "")
    assert all(len(score.per_fold) == 5 for score in found.metrics.values())


def test_the_positive_class_is_found_by_its_value_wherever_it_stands(
    table: tuple[pd.DataFrame, NDArray[Any]],
) -> None:
    frame, targets = table
    names = np.where(targets == 1, "benign", "malignant").astype(object)  # classes_ are in the other order
    by_value, by_name = run(frame, targets), run(frame, names, positive="benign")
    for name in METRICS:
        assert by_name.metrics[name].per_fold == pytest.approx(by_value.metrics[name].per_fold, abs=1e-6)


def test_every_fold_fits_a_new_pipeline_on_a_frame_with_column_names(
    table: tuple[pd.DataFrame, NDArray[Any]],
) -> None:
    made: list[Pipeline] = []

    def remember() -> Pipeline:
        made.append(new_pipeline())
        return made[-1]

    cross_validate(remember, *table, positive_value=1, threshold=0.5, folds=3, random_state=0)
    assert len(made) == len({id(pipeline) for pipeline in made}) == 3
    assert all(list(pipeline.feature_names_in_) == list(table[0].columns) for pipeline in made)
    assert len({pipeline[0].mean_[0] for pipeline in made}) == 3


def test_there_are_as_many_folds_as_the_smaller_class_has_rows_and_the_note_says_so(
    table: tuple[pd.DataFrame, NDArray[Any]],
) -> None:
    rows = np.concatenate([np.flatnonzero(table[1] == 0)[:3], np.flatnonzero(table[1] == 1)[:20]])
    found = run(table[0].iloc[rows], table[1][rows])
    assert found.folds == 3
    assert found.note == "3 folds instead of 5: the smaller class has 3 rows in the training split."


def test_one_row_of_a_class_means_no_cross_validation_and_the_note_says_so(
    table: tuple[pd.DataFrame, NDArray[Any]],
) -> None:
    rows = np.concatenate([np.flatnonzero(table[1] == 0)[:1], np.flatnonzero(table[1] == 1)[:20]])
    found = run(table[0].iloc[rows], table[1][rows])
    assert (found.folds, dict(found.metrics)) == (0, {})
    assert "the smaller class has 1 row(s)" in found.note


def test_fewer_than_two_folds_mean_no_cross_validation(table: tuple[pd.DataFrame, NDArray[Any]]) -> None:
    assert run(*table, folds=0).note == "No cross-validation: [training] cv_folds is 0, and it takes at least 2."


def test_the_same_seed_gives_the_same_bits(table: tuple[pd.DataFrame, NDArray[Any]]) -> None:
    assert run(*table, folds=3) == run(*table, folds=3)
