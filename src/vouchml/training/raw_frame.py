"""A table as the pipeline takes it: a data frame with texts where the contract has categories, and NaN for null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vouchml.model import Feature

if TYPE_CHECKING:
    import pandas as pd


def raw_frame(rows: NDArray[np.float64], features: Sequence[Feature]) -> pd.DataFrame:
    """The frame of `rows`, shape (rows, features), in which a category is its place in the list of its feature."""
    import pandas as pd

    names = pd.Index([feature.name for feature in features])
    if all(feature.categories is None for feature in features):
        return pd.DataFrame(rows, columns=names)
    columns = [
        pd.Series(rows[:, position]) if feature.categories is None else _texts(rows[:, position], feature.categories)
        for position, feature in enumerate(features)
    ]
    return pd.concat(columns, axis=1, keys=names)


def _texts(places: NDArray[np.float64], categories: Sequence[str]) -> pd.Series[str]:
    import pandas as pd

    texts = np.array([*categories, np.nan], dtype=object)
    at = np.where(np.isnan(places), len(categories), places).astype(np.intp)
    return pd.Series(texts[at], dtype="str")
