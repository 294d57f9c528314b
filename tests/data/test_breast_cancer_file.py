from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from vouchml.data import Table, read_table
from vouchml.settings import load_settings

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "data" / "breast_cancer.csv"


@pytest.fixture(scope="module")
def table() -> Table:
    settings = load_settings(ROOT / "vouch.toml")
    return read_table(settings.data_path, settings.data)


def test_the_shipped_table_equals_scikit_learns_copy_to_the_last_digit(table: Table) -> None:
    bunch = load_breast_cancer()
    assert table.names == tuple(bunch.feature_names)
    assert np.array_equal(table.values, bunch.data)
    assert np.array_equal(table.targets, bunch.target)
    assert table.targets.dtype == np.int64


def test_the_script_writes_the_shipped_file_again(tmp_path: Path) -> None:
    again = tmp_path / "again.csv"
    again.write_text("what stood there before")
    subprocess.run([sys.executable, ROOT / "scripts" / "make_breast_cancer.py", again], check=True)
    assert again.read_bytes() == SHIPPED.read_bytes()
    assert b"\r" not in again.read_bytes()


def test_the_shipped_tables_content_hash_is_the_published_one(table: Table) -> None:
    assert table.content_sha256 == "81c297a8d1d3298f697efb3caa16b1775e3884ab4baacc9c04f51e312d848f7f"


def test_the_report_counts_rows_classes_and_ranges(table: Table) -> None:
    report = table.report.to_json()
    assert (report["file_rows"], report["rows"], report["columns"]) == (569, 569, 30)
    assert report["class_counts"] == {"0": 212, "1": 357}
    assert report["duplicate_rows"] == report["duplicates_dropped"] == report["conflicting_rows"] == 0
    assert report["ranges"][0] == {"name": "mean radius", "minimum": 6.981, "maximum": 28.11, "distinct": 456}
