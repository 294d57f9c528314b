"""From a row as the contract has it to the columns that a classifier was fitted on.

A row holds one float64 a feature: a number, the place of a category, NaN for null. A classifier takes numbers only, so
a category becomes one column for each of its values (1 where the row has it, else 0), a number that may be null has
its nulls filled with the median of the training rows, and a column of its own says where they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from vouchml.model.contract import Feature
from vouchml.model.model_file import FileValue

Matrix = NDArray[np.float64]


class ExpandedColumn(FileValue):
    """One column that the classifier takes, made of the feature at place `feature` of the contract.

    `number` is the feature itself, with `fill` where it is null; `category` is 1 where the feature is the category at
    that place of its list; `null` is 1 where it is null.
    """

    feature: int = Field(ge=0)
    holds: Literal["number", "category", "null"]
    fill: float | None = None
    category: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> ExpandedColumn:
        if (self.category is not None) != (self.holds == "category"):
            raise ValueError("a column of a category must name it, and no other may")
        if self.fill is not None and self.holds != "number":
            raise ValueError("only a number is filled where it is null")
        return self


class Expansion(FileValue):
    """All columns, in the order in which the classifier takes them."""

    columns: tuple[ExpandedColumn, ...] = Field(min_length=1)

    def fits(self, features: Sequence[Feature]) -> bool:
        """Whether every column can be made of `features`, and each of these is used."""
        used = {column.feature for column in self.columns}
        return used == set(range(len(features))) and all(_can_be_made(column, features) for column in self.columns)

    def expander(self) -> Expander:
        """What makes the columns."""
        columns = self.columns
        return Expander(
            sources=np.array([column.feature for column in columns], dtype=np.intp),
            fills=np.array([np.nan if column.fill is None else column.fill for column in columns]),
            places=np.array([float(column.category) for column in columns if column.category is not None]),
            categories=_positions(columns, "category"),
            nulls=_positions(columns, "null"),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Expander:
    """Makes the columns. `sources` has the feature of each; `categories` and `nulls` are positions of columns."""

    sources: NDArray[np.intp]
    fills: Matrix
    places: Matrix
    categories: NDArray[np.intp]
    nulls: NDArray[np.intp]

    def expand(self, rows: Matrix) -> Matrix:
        """The columns of `rows`: shape (…, features) → (…, columns), contiguous."""
        cells: Matrix = np.take(rows, self.sources, axis=-1)
        missing = np.isnan(cells)
        columns: Matrix = np.where(missing, self.fills, cells)
        columns[..., self.categories] = cells[..., self.categories] == self.places
        columns[..., self.nulls] = missing[..., self.nulls]
        return columns

    def gathered(self, columns: Matrix, features: int) -> Matrix:
        """The sum of the entries of `columns`, shape (columns,), that were made of each feature: (features,)."""
        return np.asarray(np.bincount(self.sources, weights=columns, minlength=features), dtype=np.float64)


def expansion_of(encode: Any, features: Sequence[Feature]) -> Expansion:
    """The columns that the fitted first step of a pipeline makes of `features`.

    That is a scikit-learn `ColumnTransformer` as `vouch train` builds it, with the groups `number`, `nullable` and
    `category`. Read from its fitted attributes, so that scikit-learn need not be imported.

    Raises:
        ValueError, KeyError, AttributeError: it is built in another way, or was fitted on other features.
    """
    place = {feature.name: index for index, feature in enumerate(features)}
    columns: list[ExpandedColumn] = []
    for group, transformer, names in encode.transformers_:
        sources = [place[name] for name in names]
        if group == "number":
            columns += [ExpandedColumn(feature=source, holds="number") for source in sources]
        elif group == "nullable":
            fills = transformer.statistics_.tolist()
            columns += [
                ExpandedColumn(feature=source, holds="number", fill=fill)
                for source, fill in zip(sources, fills, strict=True)
            ]
            columns += [
                ExpandedColumn(feature=sources[index], holds="null") for index in transformer.indicator_.features_
            ]
        elif group == "category":
            for source, values in zip(sources, transformer.categories_, strict=True):
                columns += _of_category(source, features[source], values.tolist())
        else:
            raise ValueError(f"there is no group of columns {group!r}")
    return Expansion(columns=tuple(columns))


def _of_category(source: int, feature: Feature, values: list[Any]) -> list[ExpandedColumn]:
    """One column for each of the encoder's values: the categories of the contract, and then NaN for null."""
    texts = [value for value in values if isinstance(value, str)]
    nulls = [value for value in values if value != value]  # noqa: PLR0124 - NaN alone differs from itself
    if tuple(texts) != feature.categories or len(nulls) != int(feature.nullable) or values != [*texts, *nulls]:
        raise ValueError("the encoder has other categories than the contract")
    categories = [ExpandedColumn(feature=source, holds="category", category=place) for place in range(len(texts))]
    return [*categories, *(ExpandedColumn(feature=source, holds="null") for _ in nulls)]


def _can_be_made(column: ExpandedColumn, features: Sequence[Feature]) -> bool:
    feature = features[column.feature]
    match column.holds:
        case "number":
            return feature.type == "number" and (column.fill is not None) == feature.nullable
        case "category":
            return column.category is not None and column.category < len(feature.categories or ())
        case "null":
            return feature.nullable


def _positions(columns: Sequence[ExpandedColumn], holds: str) -> NDArray[np.intp]:
    return np.array([index for index, column in enumerate(columns) if column.holds == holds], dtype=np.intp)
