"""A small table of every kind of column, its project, and what plain pandas and scikit-learn make of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS = 240
NUMBERS = ("dose", "weight")
NULLABLE = ("age", "region")
CATEGORICAL = ("sex", "region", "ward")
FEATURES = ("dose", "age", "sex", "region", "weight", "ward")
TARGET = "outcome"

#: Small, so that a training takes a second.
PARAMETERS: Mapping[str, str] = {
    "logistic_regression": "{ C = 0.5 }",
    "hist_gradient_boosting": "{ max_iter = 20 }",
    "random_forest": "{ n_estimators = 20 }",
}


def mixed_frame(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    """Numbers, a number with gaps, texts, odd texts with gaps, and whole numbers that are names."""
    rng = np.random.default_rng(seed)
    dose = rng.normal(10.0, 3.0, rows).round(3)
    age = np.where(rng.random(rows) < 0.2, np.nan, rng.integers(18, 90, rows).astype(float))
    sex = rng.choice(["female", "male"], rows)
    region = np.array(["north", 'the "old" south', "west, far", "é", None], dtype=object)[rng.integers(0, 5, rows)]
    weight = rng.normal(70.0, 12.0, rows).round(2)
    ward = rng.choice([1, 2, 10], rows)
    score = 0.4 * (dose - 10) + 0.03 * (np.nan_to_num(age, nan=20.0) - 50) + (sex == "male") - (region == "north")
    outcome = np.where(score + rng.normal(0.0, 1.0, rows) > 0, "ill", "well")
    return pd.DataFrame(
        {
            "dose": dose,
            "age": age,
            "sex": sex,
            "region": region,
            "weight": weight,
            "ward": ward,
            TARGET: outcome,
        }
    )


def settings_text(estimator: str, file: str = "mixed.csv") -> str:
    """The `vouch.toml` of a project for such a table."""
    return f"""
[project]
registered_model = "mixed_classifier"
experiment = "mixed"

[data]
path = "{file}"
target = "{TARGET}"
positive_class = "ill"
categorical = ["sex", "region", "ward"]
nullable = ["age", "region"]

[model]
estimator = "{estimator}"
parameters = {PARAMETERS[estimator]}

[training]
bootstrap_resamples = 100
cv_folds = 2

[trust]
admission = "off"
"""


def make_project(folder: Path, estimator: str = "logistic_regression") -> Path:
    """A project in `folder`; its `vouch.toml`."""
    mixed_frame().to_csv(folder / "mixed.csv", index=False)
    file = folder / "vouch.toml"
    file.write_text(settings_text(estimator), encoding="utf-8")
    return file


def raw_features(frame: pd.DataFrame) -> pd.DataFrame:
    """The features as the model that is logged takes them: numbers, texts, NaN."""
    features = frame[list(FEATURES)].copy()
    features["ward"] = features["ward"].astype("str")
    return features


def as_json(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The features of each row as a caller sends them: numbers, texts, null."""
    return [
        {str(name): None if pd.isna(cell) else cell for name, cell in row.items()}
        for row in raw_features(frame).to_dict("records")
    ]
