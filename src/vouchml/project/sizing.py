"""How large the test split and how many the folds can be when there are few rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vouchml.settings import TrainingSettings

_TEST_ROWS_A_CLASS = 5
_LARGEST_TEST_SIZE = 0.5


@dataclass(frozen=True)
class Sizes:
    """`[training] test_size` and `cv_folds`, and whether they had to differ from the defaults."""

    test_size: float
    cv_folds: int

    @property
    def are_default(self) -> bool:
        """Whether there are rows enough for the defaults."""
        fields = TrainingSettings.model_fields
        return (self.test_size, self.cv_folds) == (fields["test_size"].default, fields["cv_folds"].default)


def fitting_sizes(class_counts: Sequence[int]) -> Sizes:
    """Sizes that leave some rows of the rarer class on both sides of the split and in every fold."""
    fields = TrainingSettings.model_fields
    rarer = min(class_counts)
    test_size = min(
        _LARGEST_TEST_SIZE, max(fields["test_size"].default, math.ceil(100 * _TEST_ROWS_A_CLASS / rarer) / 100)
    )
    left = rarer - math.ceil(rarer * test_size)
    return Sizes(test_size=test_size, cv_folds=max(2, min(fields["cv_folds"].default, left)))
