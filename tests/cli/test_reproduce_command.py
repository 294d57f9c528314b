"""`vouch reproduce` and `vouch diff` as a person or a pipeline runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.processes import run
from tests.own_copy import own_copy
from tests.versions_from import with_manifest

from vouchml.settings import Settings


@pytest.fixture(scope="module")
def copied(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return own_copy(trained_folder, tmp_path_factory.mktemp("reproduced") / "a project")


def another_seed(manifest: dict[str, Any]) -> None:
    manifest["settings"]["training"]["random_state"] = 7
    manifest["environment"]["libraries"]["numpy"] = "1.0"


def fewer_golden_rows(manifest: dict[str, Any]) -> None:
    manifest["settings"]["training"]["golden_rows"] = 5


def test_a_version_that_comes_out_the_same_ends_with_0_and_shows_stages_and_levels(copied: Settings) -> None:
    done = run("reproduce", "1", cwd=copied.root)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line]
    for stage in ("data", "environment", "split", "fit", "score"):
        assert any(line[:2] == [stage, "same"] for line in lines), stage
    for level in ("R4", "R3", "R2", "R1", "R0"):
        assert any(line[:2] == [level, "yes"] for line in lines), level
    assert ["Level", "R4"] in lines
    assert "not compared: MLmodel" in done.stdout
    assert "Fitting and evaluating" in done.stderr


def test_a_level_can_be_demanded(copied: Settings) -> None:
    number = with_manifest(copied, fewer_golden_rows)
    done = run("reproduce", number, "--at-least", "R4", "--json", "--quiet", cwd=copied.root)
    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    assert (document["level"], document["at_least"], document["reached"]) == ("R3", "R4", False)
    assert [test["level"] for test in document["tests"] if test["passed"]] == ["R3", "R2", "R1", "R0"]


def test_what_fails_is_1_and_names_the_stage_and_what_it_ran_on(copied: Settings) -> None:
    done = run("reproduce", with_manifest(copied, another_seed), "--quiet", cwd=copied.root)
    assert done.returncode == 1
    lines = [line.split() for line in done.stdout.splitlines() if line]
    assert any(line[:2] == ["split", "differs"] for line in lines)
    assert any(line[:3] == ["fit", "not", "reached"] for line in lines)
    assert ["Level", "X"] in lines
    numpy = next(line for line in done.stdout.splitlines() if line.startswith("libraries.numpy"))
    assert "1.0" in numpy
    assert "last bits" in numpy
    assert "R2 was demanded" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "words"),
    [
        (["7"], {}, 5, "error: "),
        (["1"], {"VOUCH_DATA__PATH": "nowhere.csv"}, 3, "nowhere.csv cannot be read"),
        (["1"], {"VOUCH_TRAINING__RANDOM_STATE": "7"}, 2, "[training] random_state"),
        (["1", "--at-least", "R9"], {}, 2, "R9"),
    ],
)
def test_what_cannot_be_tried_is_an_error_of_its_kind(
    copied: Settings, arguments: list[str], environment: dict[str, str], status: int, words: str
) -> None:
    done = run("reproduce", *arguments, "--quiet", cwd=copied.root, **environment)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_diff_shows_what_differs_and_gives_the_same_as_json(copied: Settings) -> None:
    shown = run("diff", "1", "2", "--quiet", cwd=copied.root)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert any(line.split() == ["settings", "model.parameters.C", "1", "0.01"] for line in shown.stdout.splitlines())
    assert any(line.split() == ["data", "the", "same"] for line in shown.stdout.splitlines())
    document = json.loads(run("diff", "1", "2", "--quiet", "--json", cwd=copied.root).stdout)
    assert document["differences"]["settings"] == [{"place": "model.parameters.C", "first": 1, "second": 0.01}]
    common = document["common_test_rows"]
    assert common["rows"] == 114
    assert f"Labels that differ  {common['labels_changed']} (data rows from 0: " in shown.stdout
    assert run("diff", "1", "7", "--quiet", cwd=copied.root).returncode == 5
