"""Fit a pipeline so that two runs agree to the last bit, and keep what scikit-learn warned of.

A `ConvergenceWarning` on a terminal is read by nobody a year later: here it is a text for the report.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import TrainingRefused
from vouchml.training.environment import single_threaded_linear_algebra

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

# scikit-learn 1.9 compares this one's keys with the targets as it encodes them, 0 and 1.
_WEIGHS_BY_POSITION = frozenset({"HistGradientBoostingClassifier"})


def fit(pipeline: Pipeline, frame: pd.DataFrame, targets: NDArray[Any]) -> tuple[Pipeline, tuple[str, ...]]:
    """A fitted copy of `pipeline`, and the warnings of the fit as texts, each one once.

    Raises:
        TrainingRefused: scikit-learn refuses the parameters in combination, or with this table.
    """
    from sklearn.base import clone

    fitted = clone(pipeline)
    _name_classes_as_in_table(fitted, targets)
    with warnings.catch_warnings(record=True) as caught, single_threaded_linear_algebra():
        warnings.simplefilter("always")
        try:
            fitted.fit(frame, targets)
        except (ValueError, TypeError) as error:
            raise TrainingRefused(
                f"scikit-learn does not fit {type(fitted[-1]).__name__} with these parameters: {_one_line(error)}",
                remedy="Change [model.parameters] in vouch.toml.",
            ) from error
    return fitted, _texts(caught)


def _name_classes_as_in_table(pipeline: Any, targets: NDArray[Any]) -> None:
    """Key `class_weight` by what the classifier compares with: in TOML a key is always text."""
    classifier = pipeline[-1]
    weights = classifier.get_params(deep=False).get("class_weight")
    if not isinstance(weights, dict):
        return
    values = np.unique(targets).tolist()
    given = {str(key): weight for key, weight in weights.items()}
    if set(given) != {str(value) for value in values}:
        raise TrainingRefused(
            "[model.parameters] class_weight does not name the target's values exactly.",
            remedy=f"Give a weight to each of: {', '.join(repr(str(value)) for value in values)}.",
        )
    by_position = type(classifier).__name__ in _WEIGHS_BY_POSITION
    keys = range(len(values)) if by_position else values
    classifier.set_params(class_weight={key: given[str(value)] for key, value in zip(keys, values, strict=True)})


def _texts(caught: Iterable[warnings.WarningMessage]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{each.category.__name__}: {_one_line(each.message)}" for each in caught))


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
