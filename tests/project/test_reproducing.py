"""A version that is trained again: each level is reached by a real cause, and X names the stage that differs first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.own_copy import own_copy
from tests.versions_from import strength, with_manifest

from vouchml.errors import EvidenceMismatch, EvidenceMissing, TableUnreadable
from vouchml.project.reproducing import Reproduced, reproduce
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings, load_settings


@pytest.fixture(scope="module")
def copied(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Versions 1 and 2; more are added by the tests."""
    return own_copy(trained_folder, tmp_path_factory.mktemp("reproduced") / "a project")


def as_recorded(_: dict[str, Any]) -> None:
    """Change nothing."""


def fewer_golden_rows(manifest: dict[str, Any]) -> None:
    manifest["settings"]["training"]["golden_rows"] = 5


def another_digest_of_scores(manifest: dict[str, Any]) -> None:
    manifest["test_probabilities_sha256"] = "0" * 64


@pytest.mark.parametrize(
    ("cause", "level", "stage"),
    [
        (as_recorded, "R4", None),
        (fewer_golden_rows, "R3", "fit"),
        (strength(1 + 1e-9), "R2", "fit"),
        (another_digest_of_scores, "R2", "score"),
        (strength(1 + 1e-5), "R1", "fit"),
        (strength(0.9), "R0", "fit"),
        (strength(1e-4), "X", "fit"),
    ],
)
def test_each_level_has_its_cause(
    copied: Settings, cause: Callable[[dict[str, Any]], None], level: str, stage: str | None
) -> None:
    made = reproduce(copied, with_manifest(copied, cause)).reproduction
    assert (made.level, made.first_difference) == (level, stage), made.to_dict()
    assert [test.level for test in made.tests] == ["R4", "R3", "R2", "R1", "R0"]


def another_seed(manifest: dict[str, Any]) -> None:
    manifest["settings"]["training"]["random_state"] = 7


def test_another_seed_fails_at_the_split_and_nothing_is_trained(copied: Settings) -> None:
    steps: list[str] = []
    made = reproduce(copied, with_manifest(copied, another_seed), progress=steps.append).reproduction
    assert (made.level, made.first_difference, made.tests) == ("X", "split", ())
    assert {stage.name: stage.same for stage in made.stages} == {
        "data": True,
        "environment": True,
        "split": False,
        "fit": None,
        "score": None,
    }
    assert not any("Fitting" in step for step in steps)


def test_another_table_fails_at_the_data_with_what_differs(trained_folder: Path, tmp_path: Path) -> None:
    settings = own_copy(trained_folder, tmp_path / "a project")
    text = settings.data_path.read_text("utf-8")
    settings.data_path.write_text(text.replace("17.99", "17.98", 1), "utf-8")
    made = reproduce(settings, "1").reproduction
    assert (made.level, made.first_difference) == ("X", "data")
    assert made.stages[0].expected != made.stages[0].found
    assert "it has as many rows, and other cells or columns" in made.stages[0].note
    settings.data_path.unlink()
    with pytest.raises(TableUnreadable):
        reproduce(settings, "1")


def another_machine(manifest: dict[str, Any]) -> None:
    manifest["settings"]["training"]["random_state"] = 7  # so that it ends before the training
    environment = manifest["environment"]
    environment["libraries"]["scikit-learn"] = "1.0"
    environment["thread_pools"] = [{**environment["thread_pools"][0], "architecture": "Katmai"}]
    environment["thread_variables"]["OMP_NUM_THREADS"] = "64"
    environment["python"] = "3.9.1"


def test_what_it_ran_on_is_compared_and_each_difference_is_explained(copied: Settings) -> None:
    made = reproduce(copied, with_manifest(copied, another_machine))
    found = {each.place.removeprefix("environment."): each for each in made.surroundings}
    assert found["libraries.scikit-learn"].recorded == "1.0"
    assert "first suspect" in found["libraries.scikit-learn"].why
    assert found["python"].recorded == "3.9.1"
    assert any(place.startswith("thread_pools.") and "BLAS" in each.why for place, each in found.items())
    assert not found["thread_variables.OMP_NUM_THREADS"].counts
    assert made.reproduction.first_difference == "environment"


def test_nothing_is_logged_or_registered_and_the_environment_does_not_redirect_it(
    copied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = ModelRegistry.connect(copied.tracking_uri)

    def counted() -> tuple[int, int]:
        runs = sum(
            len(registry.client.search_runs([each.experiment_id])) for each in registry.client.search_experiments()
        )
        return runs, len(registry.versions(copied.project.registered_model))

    before = counted()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", copied.tracking_uri)
    made: Reproduced = reproduce(load_settings(copied.root / "vouch.toml"), "2")
    assert made.reproduction.level == "R4"
    assert counted() == before
    json.dumps(made.to_dict(), allow_nan=False)


def another_contract(manifest: dict[str, Any]) -> None:
    manifest["contract_sha256"] = "0" * 64


def test_a_manifest_about_another_model_is_refused_and_so_is_a_version_without_one(copied: Settings) -> None:
    with pytest.raises(EvidenceMismatch, match="about another contract"):
        reproduce(copied, with_manifest(copied, another_contract))
    registry = ModelRegistry.connect(copied.tracking_uri)
    first = registry.version(copied.project.registered_model, "1")
    bare = registry.register(first.name, source=first.source, run_id=None)
    with pytest.raises(EvidenceMissing):
        reproduce(copied, str(bare.number))
