from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from vouchml.errors import SettingsInvalid
from vouchml.settings import Settings, load_settings, setting_names, sqlite_file, sqlite_uri

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
        (MINIMAL + "[weather]\nx = 1\n", "'weather' at the top is not a setting."),
        (MINIMAL + "root = '/'\n", "'root' in [data] is not a setting."),
        ("root = '/'\n" + MINIMAL, "'root' at the top is not a setting."),
        (MINIMAL + "[serving]\nport = 70000\n", "[serving] port: must be at most 65535."),
        (MINIMAL.replace('experiment = "e"', ""), "[project] experiment: is required."),
        (MINIMAL.replace('"m"', '"a/b"'), "[project] registered_model: must not be empty and must not contain"),
        (MINIMAL + 'exclude = ["y"]\n', "[data] exclude names the target itself"),
        ("[project\n", "is not TOML"),
        ("training = 3\n" + MINIMAL, "[training]: must be a section, with keys of its own."),
        (
            MINIMAL.replace("[data]", 'tracking_uri = "http://[::1"\n[data]'),
            "[project] tracking_uri: is not an address.",
        ),
        (MINIMAL.replace("[data]", 'artifacts = "s3://[x"\n[data]'), "[project] artifacts: is not an address."),
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


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("VOUCH_SERVING__PORT", "eight", "VOUCH_SERVING__PORT: must be a whole number."),
        ("vouch_training__test_size", "2", "vouch_training__test_size: must be less than 1."),
        ("VOUCH_SERVING__POLL_SECONDS", "soon", "VOUCH_SERVING__POLL_SECONDS: must be a number."),
        ("VOUCH_SERVING__POLL_SECONDS", "0", "VOUCH_SERVING__POLL_SECONDS: must be at least 0.1."),
        ("VOUCH_SERVING__MAX_BATCH_BYTES", "1.5", "VOUCH_SERVING__MAX_BATCH_BYTES: must be a whole number."),
        ("VOUCH_SERVING__ALLOW_ANONYMOUS", "perhaps", "VOUCH_SERVING__ALLOW_ANONYMOUS: must be true or false."),
        ("VOUCH_SERVING__OUT_OF_RANGE", "maybe", "VOUCH_SERVING__OUT_OF_RANGE: must be 'flag' or 'refuse'."),
        ("VOUCH_DATA__LABELS", "a,b", "The environment variable VOUCH_DATA__LABELS is not JSON."),
        ("VOUCH_DATA__EXCLUDE", "id", "The environment variable VOUCH_DATA__EXCLUDE is not JSON."),
        ("VOUCH_MODEL__PARAMETERS", "{C: 1}", "The environment variable VOUCH_MODEL__PARAMETERS is not JSON."),
        ("VOUCH_DATA__EXCLUDE", "3", "VOUCH_DATA__EXCLUDE: must be a list."),
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:99999", "MLFLOW_TRACKING_URI: is not an address."),
    ],
)
def test_a_wrong_value_of_the_environment_is_one_clear_line_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid) as caught:
        settings_of(tmp_path)
    assert caught.value.message.startswith(expected)
    assert "\n" not in caught.value.message
    assert caught.value.remedy


def test_a_value_of_the_file_is_not_blamed_on_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_SERVING__MLFLOW_PORT", "5002")
    with pytest.raises(SettingsInvalid, match=r"^vouch\.toml: \[serving\] port: "):
        settings_of(tmp_path, MINIMAL + "[serving]\nport = 0\n")


def test_paths_start_at_the_settings_file_wherever_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "with a space, 100%25 and a ?"
    folder.mkdir()
    settings = settings_of(folder)
    monkeypatch.chdir("/")
    assert settings.data_path == folder / "t.csv"
    assert sqlite_file(settings.tracking_uri) == folder / "mlflow.db"


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1))
def test_an_sqlite_address_leads_back_to_its_file(name: str) -> None:
    assert sqlite_file(sqlite_uri(Path("/a folder", name))) == Path("/a folder", name)


def test_an_sqlite_address_holds_the_folder_as_it_stands() -> None:
    # MLflow makes the folders of the address without decoding it: `a%20folder` would be made beside `a folder`.
    assert sqlite_uri(Path("/a folder/größe & 'so'/mlflow.db")) == "sqlite:////a folder/größe & 'so'/mlflow.db"


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
