import math

import pytest

from vouchml.project.sizing import fitting_sizes


def test_many_rows_get_the_defaults() -> None:
    assert fitting_sizes([100, 200]).are_default


@pytest.mark.parametrize("rarer", range(4, 60))
def test_few_rows_leave_some_of_the_rarer_class_in_the_test_and_in_every_fold(rarer: int) -> None:
    sizes = fitting_sizes([rarer, 300])
    held_out = math.floor(rarer * sizes.test_size)
    assert held_out >= min(5, rarer // 2)
    assert 2 <= sizes.cv_folds <= max(2, rarer - held_out)
