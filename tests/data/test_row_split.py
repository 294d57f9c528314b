"""The split and the leakage check."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from vouchml.data import Table, check_leakage, split_rows
from vouchml.errors import LeakageFound, TableInvalid

Reader = Callable[..., Table]


def rows(count: int, *, of_class_0: int) -> str:
    return "a,y\n" + "".join(f"{row},{int(row >= of_class_0)}\n" for row in range(count))


def test_the_split_is_scikit_learns_and_the_same_every_time(read: Reader) -> None:
    table = read(rows(50, of_class_0=20))
    one, two = (split_rows(table, test_size=0.2, random_state=42) for _ in range(2))
    train, test = train_test_split(np.arange(50), test_size=0.2, random_state=42, stratify=table.targets)
    assert np.array_equal(one.train, train)
    assert np.array_equal(one.test, test)
    assert (one.train_rows_sha256, one.test_rows_sha256) == (two.train_rows_sha256, two.test_rows_sha256)


def test_another_seed_draws_other_rows(read: Reader) -> None:
    table = read(rows(50, of_class_0=20))
    one, two = (split_rows(table, test_size=0.2, random_state=seed) for seed in (1, 2))
    assert one.test_rows_sha256 != two.test_rows_sha256


def test_every_row_stands_on_one_side_and_both_sides_have_the_same_mix(read: Reader) -> None:
    table = read(rows(100, of_class_0=30))
    split = split_rows(table, test_size=0.2, random_state=0)
    assert sorted([*split.train, *split.test]) == list(range(100))
    assert np.bincount(table.targets[split.test]).tolist() == [6, 14]


def test_the_digests_are_over_the_row_ids_of_the_file(read: Reader) -> None:
    table = read("a,y\n1,0\n1,0\n2,1\n3,0\n4,1\n", duplicates="drop")
    split = split_rows(table, test_size=0.5, random_state=0)
    ids = [[0, 2, 3, 4][position] for position in split.test]
    assert split.test_rows_sha256 == hashlib.sha256(struct.pack(f"<{len(ids)}q", *ids)).hexdigest()


def test_a_class_with_one_row_cannot_be_split(read: Reader) -> None:
    with pytest.raises(TableInvalid) as refusal:
        split_rows(read(rows(10, of_class_0=1)), test_size=0.2, random_state=0)
    assert refusal.value.message == (
        "table.csv: the class 0 of the target 'y' has 1 row left; the training and the test rows need one each."
    )


@pytest.mark.parametrize(("count", "of_class_0", "test_size"), [(4, 2, 0.2), (4, 2, 0.8), (100, 2, 0.1), (100, 2, 0.9)])
def test_a_split_that_would_leave_a_side_without_a_class_is_refused(
    read: Reader, count: int, of_class_0: int, test_size: float
) -> None:
    with pytest.raises(TableInvalid, match="lack a class") as refusal:
        split_rows(read(rows(count, of_class_0=of_class_0)), test_size=test_size, random_state=0)
    assert f"(rows by class: 0: {of_class_0}, 1: {count - of_class_0})" in refusal.value.message
    assert "test_size" in refusal.value.remedy


def test_identical_rows_on_both_sides_are_found_and_named_by_line(read: Reader) -> None:
    content = rows(40, of_class_0=20) + "".join(f"{row}.0,{int(row >= 20)}\n" for row in range(40))
    table = read(content)
    split = split_rows(table, test_size=0.2, random_state=0)
    leaked = sorted(row for row in split.test.tolist() if (row + 40) % 80 in set(split.train.tolist()))
    with pytest.raises(LeakageFound) as refusal:
        check_leakage(table, split)
    assert refusal.value.message == (
        f"table.csv: {len(leaked)} test rows are also among the training rows; the first is on line {leaked[0] + 2}, "
        f"with the same features and target as line {(leaked[0] + 40) % 80 + 2}."
    )
    assert 'duplicates = "drop"' in refusal.value.remedy


def test_dropping_duplicates_ends_the_leak(read: Reader) -> None:
    content = rows(40, of_class_0=20) + "".join(f"{row}.0,{int(row >= 20)}\n" for row in range(40))
    table = read(content, duplicates="drop")
    check_leakage(table, split_rows(table, test_size=0.2, random_state=0))


def test_the_same_features_with_another_target_are_no_leak(read: Reader) -> None:
    content = rows(40, of_class_0=20) + "".join(f"{row},{int(row < 20)}\n" for row in range(40))
    table = read(content)
    assert table.report.conflicting_rows == 80
    check_leakage(table, split_rows(table, test_size=0.5, random_state=0))
