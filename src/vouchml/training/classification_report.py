"""scikit-learn's classification report under the project's label names, as JSON and as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.training.metrics import Bools, Floats, label_positive

_TAKEN = frozenset({"accuracy", "micro avg", "macro avg", "weighted avg"})  # keys that scikit-learn writes itself


def report_dict(
    y_true: Bools, p: Floats, *, labels: tuple[str, str], positive_class: str, threshold: float
) -> dict[str, Any]:
    """Give precision, recall, F1 and support of each class and their averages; an undefined figure is 0.

    A class whose name scikit-learn uses for a row of its own, such as `accuracy`, appears as `class accuracy`.
    """
    from sklearn.metrics import classification_report

    report = classification_report(
        *_class_indices(y_true, p, labels, positive_class, threshold),
        labels=(0, 1),
        target_names=_row_names(labels),
        output_dict=True,
        zero_division=0,
    )
    return {row: _plain(figures) for row, figures in report.items()}


def report_text(y_true: Bools, p: Floats, *, labels: tuple[str, str], positive_class: str, threshold: float) -> str:
    """Give the same report as a text table of four decimals, ending in a newline."""
    from sklearn.metrics import classification_report

    report = classification_report(
        *_class_indices(y_true, p, labels, positive_class, threshold),
        labels=(0, 1),
        target_names=_row_names(labels),
        digits=4,
        zero_division=0,
    )
    return f"Positive class: {positive_class}, from a probability of {threshold:g}.\n\n{report}"


def _class_indices(
    y_true: Bools, p: Floats, labels: tuple[str, str], positive_class: str, threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    positive = labels.index(positive_class)
    labelled = label_positive(p, threshold=threshold)
    return np.where(y_true, positive, 1 - positive), np.where(labelled, positive, 1 - positive)


def _row_names(labels: tuple[str, str]) -> list[str]:
    return [f"class {label}" if label in _TAKEN else label for label in labels]


def _plain(figures: dict[str, Any] | float) -> dict[str, float] | float:
    if isinstance(figures, dict):
        return {name: float(value) for name, value in figures.items()}
    return float(figures)
