from __future__ import annotations

import pytest

from vouchml.registry.pointer import Pointer, follow


def meant(alias: int | None, staged: tuple[int, ...], before: Pointer | None = None) -> Pointer:
    return follow(alias=alias, staged=staged, stage_name="Staging", alias_name="staging", before=before)


AGREED = Pointer(alias=1, stage=1, version=1)


@pytest.mark.parametrize(
    ("alias", "staged", "before", "expected"),
    [
        (None, (), None, None),
        (3, (), None, 3),
        (None, (3,), None, 3),
        (3, (3,), None, 3),
        (None, (2, 4), None, 4),
        (2, (1,), AGREED, 2),
        (1, (2,), AGREED, 2),
        (1, (3,), Pointer(alias=2, stage=3, version=2), 1),
        (2, (3,), Pointer(alias=2, stage=3, version=2), 2),
        (2, (3,), Pointer(alias=2, stage=3, version=3), 3),
        (4, (3,), AGREED, 4),
        (2, (3,), None, 3),
    ],
)
def test_the_one_that_moved_counts(
    alias: int | None, staged: tuple[int, ...], before: Pointer | None, expected: int | None
) -> None:
    assert meant(alias, staged, before).version == expected


def test_two_versions_in_a_stage_are_named() -> None:
    assert "Versions 2, 4 are all in Staging; the highest counts." in meant(None, (4, 2)).warnings


def test_an_alias_that_differs_from_the_stage_is_named_with_the_way_out() -> None:
    (warning,) = meant(2, (1,), AGREED).warnings
    assert "version 2 counts" in warning
    assert "vouch registry promote 2" in warning
