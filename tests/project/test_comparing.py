"""What differs between two versions, from the table to the approvals, and what they answer to the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.own_copy import own_copy
from tests.versions_from import with_manifest

from vouchml.data import read_table, split_rows
from vouchml.model import load_scorer
from vouchml.project.comparing import VersionsCompared, compare_versions
from vouchml.project.trained_files import fetch_trained
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings


@pytest.fixture(scope="module")
def copied(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Versions 1 (C = 1) and 2 (C = 0.01)."""
    return own_copy(trained_folder, tmp_path_factory.mktemp("compared") / "a project")


@pytest.fixture(scope="module")
def compared(copied: Settings) -> VersionsCompared:
    return compare_versions(copied, "1", "2")


def places(found: VersionsCompared, part: str) -> dict[str, tuple[Any, Any]]:
    return {each.place: (each.first, each.second) for each in found.parts[part]}


def test_two_versions_that_differ_in_one_parameter_differ_in_that_and_what_follows_from_it(
    compared: VersionsCompared,
) -> None:
    assert places(compared, "settings") == {"model.parameters.C": (1, 0.01)}
    for part in ("data", "split", "environment", "git", "contract", "evidence"):
        assert compared.parts[part] == (), part
    assert compared.first.model_digest != compared.second.model_digest
    assert compared.first.metrics["log_loss"]["value"] < compared.second.metrics["log_loss"]["value"]


def probabilities(settings: Settings, reference: str, place: Path) -> tuple[Any, Any]:
    """What a version answers to its test rows, found another way, and which of them are positive."""
    registry = ModelRegistry.connect(settings.tracking_uri)
    side = fetch_trained(registry, registry.version(settings.project.registered_model, reference), place)
    table = read_table(settings.data_path, settings.data)
    test = split_rows(table, test_size=0.2, random_state=42).test
    return load_scorer(side.bundle).positive_probability(table.values[test]), table.targets[test] == 1


def test_the_answers_to_the_common_rows_are_those_of_the_models(
    copied: Settings, compared: VersionsCompared, tmp_path: Path
) -> None:
    (p, is_positive), (q, _) = (probabilities(copied, number, tmp_path / number) for number in ("1", "2"))
    common = compared.common
    assert common is not None
    assert common.rows == len(p) == 114
    assert common.max_abs_difference == np.abs(p - q).max()
    assert common.labels_changed == ((p >= 0.5) != (q >= 0.5)).sum() == len(common.changed) > 0
    brier = common.paired["brier"]
    assert brier.value == pytest.approx(((p - is_positive) ** 2).mean() - ((q - is_positive) ** 2).mean(), abs=1e-12)
    assert brier.low < brier.value < brier.high < 0  # the second is worse, beyond chance
    right = [((scores >= 0.5) == is_positive).mean() for scores in (p, q)]
    assert common.paired["accuracy"].value == pytest.approx(right[1] - right[0], abs=1e-12)
    assert set(common.paired) == {"roc_auc", "log_loss", "brier", "accuracy"}


def test_the_other_way_round_the_advantage_is_the_opposite(copied: Settings, compared: VersionsCompared) -> None:
    back = compare_versions(copied, "2", "1")
    assert compared.common is not None
    assert back.common is not None
    assert back.common.paired["log_loss"].value == -compared.common.paired["log_loss"].value
    assert back.common.changed == compared.common.changed


def test_a_version_does_not_differ_from_itself(copied: Settings) -> None:
    same = compare_versions(copied, "1", "1")
    assert not any(same.parts.values())
    assert same.common is not None
    assert (same.common.labels_changed, same.common.max_abs_difference) == (0, 0.0)


def another_run(manifest: dict[str, Any]) -> None:
    manifest["environment"]["libraries"]["numpy"] = "1.0"
    manifest["environment"]["installed"] = [*manifest["environment"]["installed"][1:], "another-package==3"]
    manifest["environment"]["git"]["commit"] = "c" * 40
    manifest["data"]["bytes_sha256"] = "d" * 64
    manifest["data"]["rows"] = 7
    manifest["split"]["test_rows_sha256"] = "e" * 64


def test_each_part_of_another_run_is_named(copied: Settings) -> None:
    found = compare_versions(copied, "1", with_manifest(copied, another_run))
    assert set(places(found, "data")) == {"bytes_sha256", "rows"}
    assert places(found, "split")["test_rows_sha256"][1] == "e" * 64
    assert places(found, "environment")["libraries.numpy"][1] == "1.0"
    assert places(found, "environment")["installed.another-package"] == (None, "3")
    assert places(found, "git")["commit"][1] == "c" * 40
    assert found.common is None
    assert "different tables" in found.not_compared


def test_without_the_table_all_else_is_compared(trained_folder: Path, tmp_path: Path) -> None:
    settings = own_copy(trained_folder, tmp_path / "a project")
    settings.data_path.unlink()
    found = compare_versions(settings, "1", "2")
    assert found.common is None
    assert found.not_compared
    assert places(found, "settings") == {"model.parameters.C": (1, 0.01)}
    json.dumps(found.to_dict(), allow_nan=False)


def split_by_another_seed(settings: Settings, manifest: dict[str, Any]) -> None:
    table = read_table(settings.data_path, settings.data)
    split = split_rows(table, test_size=0.2, random_state=7)
    manifest["settings"]["training"]["random_state"] = 7
    manifest["split"]["train_rows_sha256"] = split.train_rows_sha256
    manifest["split"]["test_rows_sha256"] = split.test_rows_sha256


def test_only_rows_that_both_were_tested_on_are_compared(copied: Settings) -> None:
    number = with_manifest(copied, lambda manifest: split_by_another_seed(copied, manifest), of="2")
    common = compare_versions(copied, "1", number).common
    table = read_table(copied.data_path, copied.data)
    first, second = (set(split_rows(table, test_size=0.2, random_state=seed).test.tolist()) for seed in (42, 7))
    assert common is not None
    assert 0 < common.rows == len(first & second) < 114
    assert set(common.changed) <= first & second
