"""One expansion stands for the first step of a pipeline: the same columns, to the last bit, by every scorer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.typing import NDArray
from tests.model.small_bundle import small_bundle, small_contract

from vouchml.errors import BundleInvalid
from vouchml.model import Contract, Feature, explain, load_scorer
from vouchml.model.expansion import Expansion, expansion_of
from vouchml.model.scorers import ExpandedScorer
from vouchml.training.estimators import ESTIMATORS, build_pipeline, fit
from vouchml.training.forms import ExportFailed, export_forms
from vouchml.training.parity import check_parity
from vouchml.training.raw_frame import raw_frame

Matrix = NDArray[np.float64]

FEATURES = (
    Feature(name="region", type="category", nullable=True, categories=("east", "north", "west")),
    Feature(name="dose", minimum=0.0, maximum=1.0),
    Feature(name="age", nullable=True, minimum=0.0, maximum=1.0),
    Feature(name="sex", type="category", categories=("f", "m")),
    Feature(name="never null", nullable=True, minimum=0.0, maximum=1.0),
)
PARAMETERS: dict[str, dict[str, Any]] = {
    "logistic_regression": {},
    "hist_gradient_boosting": {"max_iter": 10},
    "random_forest": {"n_estimators": 10},
}


def rows_of(count: int = 200, seed: int = 0) -> Matrix:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(count, 3))
    region = rng.choice([0.0, 1.0, 2.0, np.nan], count)
    age = np.where(rng.random(count) < 0.25, np.nan, numbers[:, 1])
    return np.column_stack([region, numbers[:, 0], age, rng.integers(0, 2, count).astype(float), numbers[:, 2]])


ROWS = rows_of()
TARGETS = (ROWS[:, 1] + ROWS[:, 3] + np.isnan(ROWS[:, 2]) + np.random.default_rng(1).normal(size=200) > 0.8).astype(int)


def fitted(name: str, features: tuple[Feature, ...] = FEATURES) -> Any:
    pipeline = build_pipeline(name, PARAMETERS[name], random_state=0, features=features)
    return fit(pipeline, raw_frame(ROWS, features), TARGETS)[0]


def contract_of(name: str, scorer: str) -> Contract:
    return small_contract(FEATURES, estimator=name, scorer=scorer)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_expansion_gives_the_columns_of_the_fitted_encoder(name: str) -> None:
    encode = fitted(name)[0]
    expansion = expansion_of(encode, FEATURES)
    expander = expansion.expander()
    for rows in (ROWS, rows_of(50, seed=9)):
        expanded = expander.expand(rows)
        assert np.array_equal(expanded, encode.transform(raw_frame(rows, FEATURES)))
        assert expanded.flags.c_contiguous
        assert all(np.array_equal(expander.expand(row), among) for row, among in zip(rows, expanded, strict=True))
    assert expansion.fits(FEATURES)
    assert Expansion.model_validate_json(expansion.to_bytes()) == expansion


@pytest.mark.parametrize("subset", [(1, 2), (0, 3), (3,), (2,), (0, 1), (4, 1)])
def test_every_mixture_of_columns_is_expanded_and_exported(subset: tuple[int, ...]) -> None:
    features, rows = tuple(FEATURES[place] for place in subset), ROWS[:, subset]
    pipeline = fit(
        build_pipeline("logistic_regression", {}, random_state=0, features=features), raw_frame(rows, features), TARGETS
    )[0]
    exports = export_forms(pipeline, rows, positive_index=1, features=features)
    parity = check_parity(
        pipeline,
        exports,
        rows,
        positive_index=1,
        threshold=0.5,
        random_state=0,
        perturbed=500,
        features=features,
    )
    assert [(form.scorer, form.passed) for form in parity.forms] == [("affine", True), ("onnx", True)]


@pytest.mark.parametrize("scorer", ["affine", "onnx", "sklearn"])
@pytest.mark.parametrize("positive", ["no", "yes"])
def test_every_scorer_takes_the_row_and_answers_as_the_pipeline_does(
    tmp_path: Path, scorer: str, positive: str
) -> None:
    pipeline = fitted("logistic_regression")
    contract = small_contract(FEATURES, scorer=scorer, positive_class=positive)
    exports = export_forms(pipeline, ROWS, positive_index=contract.positive_index, features=FEATURES)
    skops.io.dump(pipeline, tmp_path / "model.skops")
    files = {"affine.json": exports["affine"], "model.onnx": exports["onnx"]}
    loaded = load_scorer(small_bundle(tmp_path, contract, {k: v for k, v in files.items() if isinstance(v, bytes)}))
    rows = rows_of(300, seed=5)
    expected = pipeline.predict_proba(raw_frame(rows, FEATURES))[:, contract.positive_index]
    together = loaded.positive_probability(rows)
    alone = np.array([loaded.positive_probability_of_one(row) for row in rows])
    assert np.abs(together - expected).max() <= 1e-14
    assert np.abs(alone - expected).max() <= 1e-14


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_a_feature_contributes_is_the_sum_over_its_columns(tmp_path: Path, name: str) -> None:
    pipeline = fitted(name)
    contract = contract_of(name, "sklearn" if name != "logistic_regression" else "affine")
    skops.io.dump(pipeline, tmp_path / "model.skops")
    affine = export_forms(pipeline, ROWS, positive_index=1, features=FEATURES)["affine"]
    files = {"affine.json": affine} if isinstance(affine, bytes) else {}
    loaded = load_scorer(small_bundle(tmp_path, contract, files))
    assert isinstance(loaded, ExpandedScorer)
    for row in ROWS[:20]:
        told = explain(loaded, contract, row)
        assert tuple(told.contributions) == contract.feature_names
        assert abs(told.base_value + sum(told.contributions.values()) - told.score) <= 1e-9
        probability = loaded.positive_probability_of_one(row)
        as_score = probability if told.unit == "probability" else np.log(probability / (1 - probability))
        assert abs(told.score - as_score) <= 1e-9


def test_the_contributions_of_a_linear_model_are_those_of_its_columns() -> None:
    pipeline = fitted("logistic_regression")
    exports = export_forms(pipeline, ROWS, positive_index=1, features=FEATURES)
    assert isinstance(exports["affine"], bytes)
    document = json.loads(exports["affine"])
    columns = pipeline[0].transform(raw_frame(ROWS, FEATURES))
    terms = np.array(document["coefficients"]) * (columns[7] - columns.mean(axis=0))
    sources = [column["feature"] for column in document["expansion"]["columns"]]
    from vouchml.model.scorers.affine import AffineModel, scorer_of

    scorer = scorer_of(AffineModel.model_validate_json(exports["affine"]))
    told = explain(scorer, contract_of("logistic_regression", "affine"), ROWS[7])
    for place, contribution in enumerate(told.contributions.values()):
        expected = sum(term for term, source in zip(terms, sources, strict=True) if source == place)
        assert abs(contribution - expected) <= 1e-12


def affine_document() -> dict[str, Any]:
    exports = export_forms(fitted("logistic_regression"), ROWS, positive_index=1, features=FEATURES)
    assert not isinstance(exports["affine"], ExportFailed)
    document: dict[str, Any] = json.loads(exports["affine"])
    return document


def change(place: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["expansion"]["columns"][place].update(values)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a column too few": (lambda document: document["expansion"]["columns"].pop(), "as many columns as coefficients"),
    "no expansion": (lambda document: document.pop("expansion"), "does not take 5 features"),
    "a feature that there is not": (change(0, feature=5), "does not take 5 features"),
    "a feature less than none": (change(0, feature=-1), "is not an affine form"),
    "a feature that is not used": (change(0, feature=4, fill=0.0), "does not take 5 features"),
    "a category as a number": (change(0, feature=3), "does not take 5 features"),
    "a gap that is not filled": (lambda document: document["expansion"]["columns"][1].pop("fill"), "does not take"),
    "another holding": (change(0, holds="square"), "is not an affine form"),
    "a category without its place": (change(0, holds="category"), "must name it"),
    "a null that is filled": (change(3, fill=1.0), "only a number is filled"),
    "a category beyond the list": (change(-1, category=9), "does not take 5 features"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_affine_form_that_does_not_fit_the_contract_is_refused(tmp_path: Path, case: str) -> None:
    spoil, words = BROKEN[case]
    document = affine_document()
    spoil(document)
    bundle = small_bundle(
        tmp_path, contract_of("logistic_regression", "affine"), {"affine.json": json.dumps(document).encode()}
    )
    with pytest.raises(BundleInvalid, match=words):
        load_scorer(bundle)


def test_a_pipeline_of_other_categories_or_gaps_than_the_contract_is_refused(tmp_path: Path) -> None:
    skops.io.dump(fitted("logistic_regression"), tmp_path / "model.skops")
    renamed = FEATURES[3].model_copy(update={"categories": ("f", "x")})
    never_null = FEATURES[0].model_copy(update={"nullable": False})
    unnamed = FEATURES[1].model_copy(update={"name": "another"})
    for place, feature in ((3, renamed), (0, never_null), (1, unnamed)):
        features = tuple(feature if index == place else each for index, each in enumerate(FEATURES))
        bundle = small_bundle(tmp_path, small_contract(features, scorer="sklearn"), {})
        with pytest.raises(BundleInvalid, match="does not take the columns as the contract has them"):
            load_scorer(bundle)


def test_a_null_that_no_training_row_had_is_filled_and_has_no_column_of_its_own() -> None:
    expansion = expansion_of(fitted("logistic_regression")[0], FEATURES)
    of_never_null = [column for column in expansion.columns if column.feature == 4]
    assert [(column.holds, column.fill) for column in of_never_null] == [("number", np.median(ROWS[:, 4]))]


def test_a_frame_has_texts_for_categories_and_nan_for_null() -> None:
    frame = raw_frame(ROWS[:4], FEATURES)
    expected = [None if np.isnan(place) else FEATURES[0].categories[int(place)] for place in ROWS[:4, 0]]  # type: ignore[index]
    assert [None if pd.isna(cell) else cell for cell in frame["region"]] == expected
    assert frame["sex"].tolist() == [("f", "m")[int(place)] for place in ROWS[:4, 3]]
    assert np.array_equal(frame["age"], ROWS[:4, 2], equal_nan=True)
