import gc
from collections.abc import Iterator

import pytest

from vouchml.cli.garbage import collect_as_usual, collect_seldom, leave_the_rest


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_service_collects_as_often_as_python_does() -> None:
    usual = gc.get_threshold()
    collect_seldom()
    assert gc.get_threshold()[0] > usual[0]
    assert gc.isenabled()
    collect_as_usual()
    assert gc.get_threshold() == usual


def test_what_is_left_at_the_end_is_not_looked_through_again() -> None:
    leave_the_rest()
    assert gc.get_freeze_count() > 1000
