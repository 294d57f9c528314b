"""`vouch gate` as a person or a pipeline runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.processes import run
from tests.own_copy import own_copy


@pytest.fixture
def folder(trained_folder: Path, tmp_path: Path) -> Path:
    return own_copy(trained_folder, tmp_path / "a project").root


@pytest.mark.parametrize(
    ("bounds", "status", "outcome"),
    [
        ('{"roc_auc_lower": 0.9}', 0, "PASS"),
        ('{"accuracy_lower": 0.9999}', 1, "FAIL"),
        ('{"roc_auc_lower": 0.99}', 13, "INCONCLUSIVE"),
    ],
)
def test_the_exit_status_says_the_outcome_and_json_all_of_it(
    folder: Path, bounds: str, status: int, outcome: str
) -> None:
    done = run("gate", "1", "--json", "--quiet", cwd=folder, VOUCH_POLICY__BOUNDS=bounds)
    assert (done.returncode, done.stderr) == (status, "")
    document = json.loads(done.stdout)
    assert (document["outcome"], document["version"]) == (outcome, 1)


def test_the_table_names_each_rule_what_decided_and_the_rows_that_would(folder: Path) -> None:
    done = run("gate", "1", "--explain", cwd=folder, VOUCH_POLICY__BOUNDS='{"roc_auc_lower": 0.99}')
    rule = next(line for line in done.stdout.splitlines() if line.startswith("bounds.roc_auc_lower"))
    assert "INCONCLUSIVE" in rule
    assert "DeLong" in rule
    assert rule.split()[-1].isdigit()
    assert "Decided by" in done.stdout
    assert "Clopper-Pearson" in done.stdout
    assert "Scoring the test rows" in done.stderr


def test_a_version_that_is_not_there_is_one_line(folder: Path) -> None:
    done = run("gate", "7", "-q", cwd=folder)
    assert done.returncode == 5
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
