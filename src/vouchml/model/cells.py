"""What a cell may hold, feature by feature, and the float64 that stands for it in a row.

A number stands for itself, a category is its place in the contract's list, and null is NaN. What is not allowed is
said in words that never repeat it.

```python
encoders(contract)[2]("female")  # 0.0, the place of the category
cells_of(contract.features, row)["sex"]  # "female" again
```
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import InvalidFeature
from vouchml.model.contract import Contract, Feature
from vouchml.model.strict_json import NotJson, number

#: From a value of JSON to what stands in the row, or to what is wrong with it.
Encode = Callable[[Any], float | str]

_UNKNOWN: Final = "is none of the categories that it had in training"
_NULL: Final = "must not be null"
_KINDS: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
    dict: "an object",
    list: "an array",
    NotJson: "NaN or Infinity",
}


def encoders(contract: Contract) -> tuple[Encode, ...]:
    """What encodes the cells of a row, in the order of the features."""
    return tuple(encoder(feature) for feature in contract.features)


def encoder(feature: Feature) -> Encode:
    """What encodes the cells of one feature."""
    if feature.categories is None:
        return number_or_null if feature.nullable else number
    places = places_of(feature)

    def encode(value: Any) -> float | str:
        if isinstance(value, str):
            return places.get(value, _UNKNOWN)
        if value is None and feature.nullable:
            return math.nan
        return f"must be a string, not {_KINDS[type(value)]}"

    return encode


def number_or_null(value: Any) -> float | str:
    """`value` as a float, NaN for null, or what is wrong with it."""
    return math.nan if value is None else number(value)


def places_of(feature: Feature) -> dict[str, float]:
    """The place of each category in the contract's list."""
    return {text: float(place) for place, text in enumerate(feature.categories or ())}


def cells_of(features: Sequence[Feature], row: Sequence[float] | NDArray[np.float64]) -> dict[str, float | str | None]:
    """The row as JSON has it: numbers, the texts of categories, and null."""
    return {feature.name: _cell(feature, float(value)) for feature, value in zip(features, row, strict=True)}


def recoded(
    rows: NDArray[np.float64], features: Sequence[Feature], other: Sequence[Feature]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """`rows` of `features`, as a contract with the features `other` of the same names, in that order, has them.

    And the names of the features that hold what the other contract does not take.
    """
    columns, wrong = np.array(rows), []
    for position, (ours, theirs) in enumerate(zip(features, other, strict=True)):
        cells = columns[:, position]
        present = ~np.isnan(cells)
        if ours.type != theirs.type or not (present.all() or theirs.nullable):
            wrong.append(theirs.name)
        elif ours.categories is not None:
            places = places_of(theirs)
            of_place = np.array([places.get(text, math.nan) for text in ours.categories])
            cells[present] = of_place[cells[present].astype(np.intp)]
            if np.isnan(cells[present]).any():
                wrong.append(theirs.name)
    return columns, tuple(wrong)


def null_problems(contract: Contract, rows: NDArray[np.float64]) -> list[InvalidFeature]:
    """The features that are NaN in some of `rows`, shape (rows, features), and may not be null.

    Where none may be, no NaN has come so far.
    """
    if contract.is_plain:
        return []
    present = np.array([not feature.nullable for feature in contract.features])
    (positions,) = np.nonzero(np.isnan(rows).any(axis=0) & present)
    return [InvalidFeature(contract.feature_names[position], _NULL) for position in positions]


def _cell(feature: Feature, value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if feature.categories is None else feature.categories[int(value)]
