"""A manifest is enough to run a training again, and to see whether it came out the same."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vouchml.canonical_json import canonical_json
from vouchml.errors import SettingsInvalid, TableChanged, TableUnreadable
from vouchml.project.recorded_run import recorded_run
from vouchml.settings import ModelSettings, Settings, sqlite_file
from vouchml.training.environment import describe_environment
from vouchml.training.manifest import exact_floats, training_digest
from vouchml.training.recorded_run import read_manifest
from vouchml.training.rerun import require_recorded_table, run_again

if TYPE_CHECKING:
    from vouchml.training import TrainedVersion

    Trained = tuple[Settings, TrainedVersion]

MANIFEST = "run_manifest.json"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def elsewhere(trained: Trained, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another folder, with nothing in it but the manifest and the table; and we are there."""
    (tmp_path / "data").mkdir()
    shutil.copy(artifacts / MANIFEST, tmp_path)
    shutil.copy(trained[0].data_path, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(folder: Path, how: Change) -> Path:
    path = folder / MANIFEST
    manifest = json.loads(path.read_bytes())
    how(manifest)
    path.write_bytes(canonical_json(manifest))
    return path


def test_the_settings_of_a_manifest_are_those_of_its_run(trained: Trained, elsewhere: Path) -> None:
    recorded = recorded_run(Path(MANIFEST), Path("vouch.toml"))
    settings, result = trained
    for section in ("data", "model", "training"):
        assert getattr(recorded.settings, section) == getattr(settings, section)
    assert type(recorded.settings.model.parameters["C"]) is float
    assert type(recorded.settings.model.parameters["max_iter"]) is int
    assert (recorded.run_id, recorded.data_sha256) == (result.run_id, result.data_sha256)
    assert recorded.settings.data_path == elsewhere / "data" / "breast_cancer.csv"
    assert sqlite_file(recorded.settings.tracking_uri) == elsewhere / "mlflow.db"


def test_in_a_project_its_store_and_its_folder_count(elsewhere: Path, project: Settings) -> None:
    recorded = recorded_run(elsewhere / MANIFEST, project.root / "vouch.toml")
    assert recorded.settings.tracking_uri == project.tracking_uri
    assert recorded.settings.data_path == project.data_path


@pytest.mark.usefixtures("elsewhere")
def test_mlflows_own_variable_says_where_the_run_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    recorded = recorded_run(Path(MANIFEST), Path("vouch.toml"))
    assert recorded.settings.tracking_uri == "http://mlflow.example:5000"


def test_a_run_made_again_from_manifest_and_table_is_the_same_to_the_last_bit(
    trained: Trained, elsewhere: Path
) -> None:
    again = run_again(read_manifest(elsewhere / MANIFEST, root=elsewhere))
    assert again.same, again.differences
    assert again.other_surroundings == ()
    assert again.trained.evaluation == trained[1].evaluation
    for key in ("test_probabilities_sha256", "contract_sha256", "split", "training_sha256"):
        assert again.trained.manifest[key] == trained[1].manifest[key]
    assert again.trained.version is not None
    assert again.trained.version.number == 1  # the first one in this folder's own store


def another_result(manifest: dict[str, Any]) -> None:
    brier = manifest["evaluation"]["metrics"]["brier"]
    brier["value"] = math.nextafter(brier["value"], 1)
    manifest["test_probabilities_sha256"] = "0" * 64
    manifest["environment"]["libraries"]["numpy"] = "1.0"
    manifest["environment"]["thread_pools"][0]["threads"] = 64


def test_one_bit_that_differs_is_named_and_so_is_a_library_that_does(elsewhere: Path) -> None:
    recorded = read_manifest(change(elsewhere, another_result), root=elsewhere)
    again = run_again(recorded, register=False)
    assert not again.same
    assert {each.place for each in again.differences} == {
        "evaluation.metrics.brier.value",
        "test_probabilities_sha256",
    }
    assert [(each.place, each.recorded) for each in again.other_surroundings] == [
        ("environment.libraries.numpy", "1.0")
    ]
    assert again.trained.version is None


def spelled_otherwise(text: str) -> str:
    return text.replace("\n", "\r\n")


def without_a_row(text: str) -> str:
    return text.rstrip("\n").rpartition("\n")[0] + "\n"


def another_name(text: str) -> str:
    return text.replace("mean radius", "radius", 1)


def another_cell(text: str) -> str:
    return text.replace("17.99", "17.98", 1)


def no_table(_: str) -> str:
    return "PAR1 but not really"


@pytest.mark.parametrize(
    ("spell", "words"),
    [
        (spelled_otherwise, "its content is the same, it is spelled differently"),
        (without_a_row, "it has 568 rows, recorded are 569"),
        (another_name, "it has no 'mean radius'"),
        (another_cell, "it has as many rows, and other cells or columns"),
        (no_table, "it cannot be read as a table"),
    ],
)
def test_any_other_table_is_refused_with_what_differs(elsewhere: Path, spell: Callable[[str], str], words: str) -> None:
    table = elsewhere / "data" / "breast_cancer.csv"
    table.write_bytes(spell(table.read_text(encoding="utf-8")).encode())
    with pytest.raises(TableChanged) as caught:
        run_again(read_manifest(elsewhere / MANIFEST, root=elsewhere))
    assert words in caught.value.message
    assert not (elsewhere / "mlflow.db").exists()


def test_a_table_that_lies_elsewhere_is_named_by_the_environment(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "data" / "breast_cancer.csv").rename(elsewhere / "moved.csv")
    with pytest.raises(TableUnreadable) as caught:
        require_recorded_table(read_manifest(elsewhere / MANIFEST, root=elsewhere))
    assert "VOUCH_DATA__PATH" in caught.value.remedy
    monkeypatch.setenv("VOUCH_DATA__PATH", "moved.csv")
    require_recorded_table(read_manifest(elsewhere / MANIFEST, root=elsewhere))


@pytest.mark.parametrize(
    ("variable", "value", "place"),
    [
        ("VOUCH_TRAINING__RANDOM_STATE", "7", "[training] random_state"),
        ("VOUCH_MODEL__PARAMETERS__C", "7", "[model] parameters"),
        ("VOUCH_DATA__POSITIVE_CLASS", "malignant", "[data] positive_class"),
    ],
)
def test_the_environment_cannot_change_what_is_recorded(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, place: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid) as caught:
        read_manifest(elsewhere / MANIFEST, root=elsewhere)
    assert place in caught.value.message
    assert caught.value.remedy.startswith("Unset VOUCH_")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a vouchml-run-manifest-v1"),
        (b'{"format": "other"}', "is not a vouchml-run-manifest-v1"),
        (b'{"format": "vouchml-run-manifest-v1"}', "is not complete as a run manifest"),
    ],
)
def test_a_file_that_is_no_manifest_is_one_clear_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "m.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsInvalid) as caught:
        read_manifest(path, root=tmp_path)
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda manifest: manifest["settings"].pop("model"), "is not complete"),
        (lambda manifest: manifest["settings"].update(project=3), "is not complete"),
        (lambda manifest: manifest.update(settings=[]), "is not complete"),
        (lambda manifest: manifest.update(data={}), "is not complete"),
        (lambda manifest: manifest["exact_floats"].update(C="much"), "is not complete"),
        (lambda manifest: manifest["settings"]["model"].update(treshold=0.5), "Did you mean 'threshold'?"),
        (lambda manifest: manifest["settings"]["training"].update(test_size=2), "[training] test_size"),
        (lambda manifest: manifest["settings"].update(root="/"), "'root' at the top is not a setting"),
    ],
)
def test_a_manifest_that_was_tampered_with_is_one_clear_line(elsewhere: Path, how: Change, words: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_manifest(change(elsewhere, how), root=elsewhere)
    assert words in caught.value.message


def test_one_feature_and_all_features_are_not_the_same_training(trained: Trained, elsewhere: Path) -> None:
    """scikit-learn's `max_features` 1 is one feature and 1.0 is all of them; canonical JSON writes both as 1."""
    settings, _ = trained
    environment = describe_environment(settings.root)

    def digest(**parameters: Any) -> str:
        other = settings.model_copy(update={"model": ModelSettings(parameters=parameters)})
        return training_digest(other, data_sha256="0" * 64, environment=environment)

    assert digest(max_features=1) != digest(max_features=1.0)
    assert exact_floats({"a": 1, "b": 1.0, "c": 0.5, "d": math.inf, "e": True, "f": "1.0"}) == {"b": "1.0", "d": "inf"}

    def a_forest(manifest: dict[str, Any]) -> None:
        model = ModelSettings(estimator="random_forest", parameters={"max_features": 1.0, "max_samples": 1})
        manifest["settings"]["model"] = model.model_dump(mode="json")
        manifest["exact_floats"] = exact_floats(model.parameters)

    read = read_manifest(change(elsewhere, a_forest), root=elsewhere).settings.model.parameters
    assert [(name, type(value)) for name, value in read.items()] == [("max_features", float), ("max_samples", int)]
