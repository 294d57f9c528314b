from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from vouchml.errors import SettingsInvalid
from vouchml.settings import Settings, load_settings, setting_names, sqlite_file

MINIMAL = """
[project]
registered_model = "m"
experiment = "e"
[data]
path = "t.csv"
target = "y"
positive_class = "1"
"""


def settings_of(tmp_path: Path, text: str = MINIMAL) -> Settings:
    (tmp_path / "vouch.toml").write_text(text, encoding="utf-8")
    return load_settings(tmp_path / "vouch.toml")


def test_the_shipped_settings_are_those_that_users_were_promised() -> None:
    settings = load_settings(Path(__file__).parents[1] / "vouch.toml")
    assert settings.project.registered_model == "breast_cancer_classifier"
    assert settings.project.experiment == "breast_cancer"
    assert settings.data.labels == {"0": "malignant", "1": "benign"}
    assert settings.data.positive_class == "benign"
    assert settings.model.parameters == {"C": 1.0, "max_iter": 1000}
    assert (settings.model.threshold, settings.training.test_size, settings.training.random_state) == (0.5, 0.2, 42)
    assert settings.model_uri == "models:/breast_cancer_classifier/Staging"


def test_every_key_but_the_required_ones_has_a_default(tmp_path: Path) -> None:
    assert settings_of(tmp_path).serving.port == 8000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MINIMAL + "[serving]\nprot = 1\n", "'prot' in [serving] is not a setting. Did you mean 'port'?"),
        (MINIMAL + "[servin]\nport = 1\n", "'servin' at the top is not a setting. Did you mean 'serving'?"),
        (MINIMAL + "[policy]\nx = 1\n", "'policy' at the top is not a setting."),
        (MINIMAL + "root = '/'\n", "'root' in [data] is not a setting."),
        ("root = '/'\n" + MINIMAL, "'root' at the top is not a setting."),
        (MINIMAL + "[serving]\nport = 70000\n", "[serving] port: Input should be less than or equal to 65535."),
        (MINIMAL.replace('experiment = "e"', ""), "[project] experiment: is required."),
        (MINIMAL.replace('"m"', '"a/b"'), "[project] registered_model: must not be empty and must not contain"),
        (MINIMAL + 'exclude = ["y"]\n', "[data] exclude names the target itself"),
        ("[project\n", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        settings_of(tmp_path, text)
    assert expected in caught.value.message
    assert caught.value.remedy


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"There is no vouch\.toml in") as caught:
        load_settings(tmp_path / "vouch.toml")
    assert "vouch init" in caught.value.remedy


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_SERVING__PORT", "9000")
    monkeypatch.setenv("VOUCH_MODEL__PARAMETERS", '{"C": 2.0}')
    settings = settings_of(tmp_path)
    assert settings.serving.port == 9000
    assert settings.model.parameters == {"C": 2.0}


def test_mlflows_own_variable_wins_over_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    settings = settings_of(tmp_path)
    assert settings.tracking_uri == "http://mlflow.example:5000"
    assert settings.artifact_location is None


def test_a_mistyped_variable_is_refused_with_the_nearest_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_SERVING__PROT", "9000")
    with pytest.raises(SettingsInvalid, match="Did you mean 'VOUCH_SERVING__PORT'"):
        settings_of(tmp_path)


def test_paths_start_at_the_settings_file_wherever_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "with a space, 100%25 and a ?"
    folder.mkdir()
    settings = settings_of(folder)
    monkeypatch.chdir("/")
    assert settings.data_path == folder / "t.csv"
    assert sqlite_file(settings.tracking_uri) == folder / "mlflow.db"


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.serving.port = 1  # type: ignore[misc]


@given(st.sampled_from(list(setting_names())))
def test_every_setting_is_described(name: str) -> None:
    section, key = name.split(".")
    annotation = Settings.model_fields[section].annotation
    assert isinstance(annotation, type)
    assert issubclass(annotation, BaseModel)
    assert annotation.model_fields[key].description
