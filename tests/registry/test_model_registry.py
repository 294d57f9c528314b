"""Against a real MLflow on SQLite: what users and MLflow's own client see."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.databases import copy_database

from vouchml.errors import PromotionRefused, RegistryUnreachable, VersionNotFound
from vouchml.registry import ModelRegistry
from vouchml.registry.stages import quiet_about_stages

NAME = "a classifier"


@pytest.fixture(scope="module")
def four_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with four versions of a model of two files, made once: to copy, not to change."""
    folder = tmp_path_factory.mktemp("registry")
    registry = ModelRegistry.connect(f"sqlite:///{folder}/with space.db", create=True)
    files = folder / "files"
    (files / "sub").mkdir(parents=True)
    (files / "MLmodel").write_text("flavors: {}\n")
    (files / "sub" / "weights").write_text("1")
    client = registry.client
    experiment = client.create_experiment("e", artifact_location=str(folder / "mlruns"))
    run = client.create_run(experiment)
    model = client.create_logged_model(experiment, name="model", source_run_id=run.info.run_id)
    client.log_model_artifacts(model.model_id, str(files))
    for _ in range(4):
        registry.register(NAME, source=f"models:/{model.model_id}", run_id=run.info.run_id, tags={"k": "v"})
    return folder / "with space.db"


@pytest.fixture
def registry(four_versions: Path, tmp_path: Path) -> ModelRegistry:
    """A registry with four versions of a model of two files."""
    copy_database(four_versions, tmp_path / four_versions.name)
    return ModelRegistry.connect(f"sqlite:///{tmp_path}/{four_versions.name}")


def promote(registry: ModelRegistry, version: str) -> None:
    registry.promote(NAME, version, stage="Staging", who="Ada", why="because")


def stages(registry: ModelRegistry) -> dict[int, str]:
    return {version.number: version.stage for version in registry.versions(NAME)}


def transition(client: Any, version: str, stage: str) -> None:
    with quiet_about_stages():
        client.transition_model_version_stage(NAME, version, stage)


def test_a_promotion_sets_alias_and_stage_and_archives_the_older(registry: ModelRegistry) -> None:
    promote(registry, "1")
    promote(registry, "3")
    assert stages(registry) == {4: "None", 3: "Staging", 2: "None", 1: "Archived"}
    assert registry.client.get_model_version_by_alias(NAME, "staging").version in (3, "3")
    assert registry.version(NAME, "3").aliases == ("staging",)


@pytest.mark.parametrize(
    "reference",
    ["3", "@staging", "Staging", "staging", f"models:/{NAME}/3", f"models:/{NAME}@staging", f"models:/{NAME}/Staging"],
)
def test_every_way_to_name_a_version_finds_it(registry: ModelRegistry, reference: str) -> None:
    promote(registry, "3")
    assert registry.version(NAME, reference).number == 3


@pytest.mark.parametrize(
    "reference", ["9", "@nobody", "Production", "latest", "", "models:/other/1", "3.0", "-1", "٣", "9" * 20]
)
def test_a_version_that_does_not_exist_is_not_found(registry: ModelRegistry, reference: str) -> None:
    with pytest.raises(VersionNotFound) as caught:
        registry.version(NAME, reference)
    assert caught.value.remedy


def test_a_registered_model_that_does_not_exist_is_not_found(registry: ModelRegistry) -> None:
    with pytest.raises(VersionNotFound, match="a registered model nobody") as caught:
        registry.versions("nobody")
    assert "vouch train" in caught.value.remedy


def test_mlflows_own_uris_resolve_after_a_promotion(registry: ModelRegistry) -> None:
    from mlflow.store.artifact.utils.models import get_model_name_and_version

    promote(registry, "2")
    with quiet_about_stages():
        for uri in (f"models:/{NAME}/Staging", f"models:/{NAME}@staging", f"models:/{NAME}/2"):
            assert [str(part) for part in get_model_name_and_version(registry.client, uri)] == [NAME, "2"]


def test_rollback_returns_to_the_version_that_served_before(registry: ModelRegistry) -> None:
    for version in ("4", "2", "3"):
        promote(registry, version)
    assert registry.rollback(NAME, stage="Staging", who="Ada", why="worse").to_version == 2
    assert registry.rollback(NAME, stage="Staging", who="Ada", why="worse").to_version == 4
    with pytest.raises(PromotionRefused):
        registry.rollback(NAME, stage="Staging", who="Ada", why="worse")
    assert stages(registry)[4] == "Staging"


def test_a_rollback_to_a_deleted_version_changes_nothing(registry: ModelRegistry) -> None:
    promote(registry, "1")
    promote(registry, "2")
    registry.client.delete_model_version(NAME, "1")
    with pytest.raises(VersionNotFound):
        registry.rollback(NAME, stage="Staging", who="Ada", why="worse")
    assert registry.pointer(NAME, "Staging").version == 2


def test_the_history_says_who_when_from_to_and_why(registry: ModelRegistry) -> None:
    promote(registry, "1")
    promote(registry, "2")
    first, second = registry.history(NAME)
    assert (first.who, first.why, first.from_version, first.to_version) == ("Ada", "because", None, 1)
    assert (second.action, second.from_version, second.to_version) == ("promote", 1, 2)
    assert first.at < second.at


def test_an_alias_moved_by_hand_is_followed(registry: ModelRegistry) -> None:
    promote(registry, "1")
    registry.client.set_registered_model_alias(NAME, "staging", "2")
    pointer = registry.pointer(NAME, "Staging")
    assert pointer.version == 2
    assert pointer.warnings


def test_a_stage_moved_by_hand_is_followed(registry: ModelRegistry) -> None:
    promote(registry, "3")
    transition(registry.client, "2", "Staging")
    transition(registry.client, "3", "Archived")
    assert registry.pointer(NAME, "Staging").version == 2


def test_two_versions_in_staging_follow_mlflows_rule_with_a_warning(registry: ModelRegistry) -> None:
    transition(registry.client, "2", "Staging")
    transition(registry.client, "4", "Staging")
    pointer = registry.pointer(NAME, "Staging")
    assert pointer.version == 4
    assert "2, 4" in pointer.warnings[0]


def test_the_pointer_is_never_empty_while_promotions_run(registry: ModelRegistry) -> None:
    promote(registry, "1")
    seen: list[int | None] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            pointer = registry.pointer(NAME, "Staging")
            seen.extend((pointer.version, pointer.alias, pointer.stage))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for version in ("2", "3", "1", "4", "2"):
            promote(registry, version)
    finally:
        done.set()
        watcher.join()
    assert len(seen) > 3
    assert None not in seen


def test_fetched_files_are_the_logged_ones_and_nothing_else(registry: ModelRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "fetched"
    folder.mkdir()
    registry.fetch(registry.version(NAME, "1"), folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"MLmodel", "sub/weights"}


def test_of_the_files_of_a_run_those_that_are_there_are_fetched(registry: ModelRegistry, tmp_path: Path) -> None:
    version = registry.version(NAME, "1")
    report = tmp_path / "report.json"
    report.write_text("{}")
    registry.client.log_artifact(version.run_id, str(report))
    folder = tmp_path / "fetched"
    folder.mkdir()
    assert registry.fetch_run_files(version, ["report.json", "missing.json"], folder) == {"report.json"}
    assert [path.name for path in folder.iterdir()] == ["report.json"]
    without_run = replace(version, run_id=None)
    assert registry.fetch_run_files(without_run, ["report.json"], folder) == frozenset()


def test_a_tag_of_a_version_is_read_back(registry: ModelRegistry) -> None:
    registry.tag(registry.version(NAME, "2"), "vouch.judged_on", "abc")
    assert [version.tags.get("vouch.judged_on") for version in registry.versions(NAME)] == [None, None, "abc", None]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "http://nobody:secret@127.0.0.1:9"])
def test_an_mlflow_that_does_not_answer_is_one_line_without_credentials(uri: str) -> None:
    with pytest.raises(RegistryUnreachable) as caught:
        ModelRegistry.connect(uri)
    assert "127.0.0.1:9" in caught.value.message
    assert "secret" not in caught.value.diagnostics()


def test_a_folder_as_store_is_refused_with_mlflows_way_out(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnreachable) as caught:
        ModelRegistry.connect((tmp_path / "mlruns").as_uri())
    assert "mlflow migrate-filestore" in caught.value.remedy


def test_looking_at_a_store_that_is_not_there_does_not_make_it(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnreachable, match=r"no mlflow\.db yet"):
        ModelRegistry.connect(f"sqlite:///{tmp_path}/mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()


def test_a_file_that_is_not_a_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text(
        "this is not a database, whatever its name says, and it is long enough to show it"
    )
    with pytest.raises(RegistryUnreachable, match="file is not a database"):
        ModelRegistry.connect(f"sqlite:///{tmp_path}/mlflow.db").versions(NAME)
