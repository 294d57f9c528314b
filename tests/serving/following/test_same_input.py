"""A challenger answers rows that were decoded by the champion's contract: both must mean the same by a row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model.small_bundle import small_bundle, small_contract

from vouchml.model import Feature
from vouchml.model.decoder import RequestDecoder
from vouchml.model.scorers import AffineScorer
from vouchml.serving.following.served_model import ServedModel, example_row, takes_same_input

AGE = Feature(name="age", nullable=True, minimum=0.0, maximum=80.0)
SEX = Feature(name="sex", type="category", categories=("f", "m"))


def served(folder: Path, *features: Feature) -> ServedModel:
    contract = small_contract(features)
    folder.mkdir()
    return ServedModel(
        name="m",
        stage="Staging",
        version="1",
        run_id=None,
        bundle=small_bundle(folder, contract, {}),
        scorer=AffineScorer(np.zeros(2), 0.0, np.zeros(2)),
        decoder=RequestDecoder(contract, max_rows=1),
        loaded_at=datetime.now(UTC),
        scores_in_microseconds=True,
    )


def changed(feature: Feature, **values: Any) -> Feature:
    return Feature(**{**feature.model_dump(), **values})


@pytest.mark.parametrize(
    ("features", "same"),
    [
        ((AGE, SEX), True),
        ((changed(AGE, maximum=99.0), SEX), True),
        ((SEX, AGE), False),
        ((changed(AGE, nullable=False), SEX), False),
        ((AGE, changed(SEX, nullable=True)), False),
        ((AGE, changed(SEX, categories=("f", "m", "x"))), False),
        ((AGE, changed(SEX, categories=("f", "n"))), False),
        ((AGE, Feature(name="sex", minimum=0.0, maximum=1.0)), False),
    ],
)
def test_a_challenger_takes_the_same_input_when_a_row_means_the_same(
    tmp_path: Path, features: tuple[Feature, ...], same: bool
) -> None:
    champion, challenger = served(tmp_path / "a", AGE, SEX), served(tmp_path / "b", *features)
    assert takes_same_input(challenger, champion) is same


def test_the_example_row_is_the_middle_of_each_range_and_the_first_category() -> None:
    assert example_row(small_contract((AGE, SEX))) == (40.0, 0.0)
