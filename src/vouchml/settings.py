"""The settings of a project: `vouch.toml`, overridden by `VOUCH_<SECTION>__<KEY>` variables.

Settings are read once, at the door, into frozen models and passed on; nothing below reads the environment again.
A key that is not a setting is an error that names the nearest one that is.

```python
settings = load_settings(Path("vouch.toml"))
settings.data_path, settings.serving.port
```
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vouchml.errors import SettingsInvalid

SETTINGS_FILE = "vouch.toml"
ENVIRONMENT_PREFIX = "VOUCH_"
_SQLITE = "sqlite:///"
SETTINGS_FILE_VARIABLE = "VOUCH_CONFIG"
MLFLOW_VARIABLE = "MLFLOW_TRACKING_URI"
_LISTS_AND_TABLES = ("data.labels", "data.exclude", "model.parameters")

Port = Annotated[int, Field(ge=1, le=65535)]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]


def _a_name_that_mlflow_takes(name: str) -> str:
    if not name.strip() or any(character in name for character in "/:@'\"") or not name.isprintable():
        raise ValueError("must not be empty and must not contain '/', ':', '@' or quotes")
    return name


def _an_address(uri: str) -> str:
    try:
        urlsplit(uri).port  # noqa: B018 - raises where it is none
    except ValueError:
        raise ValueError("is not an address") from None
    return uri


RegistryName = Annotated[str, AfterValidator(_a_name_that_mlflow_takes)]
Address = Annotated[str, AfterValidator(_an_address)]


class Section(BaseModel):
    """What every section of `vouch.toml` has in common: frozen, and no key that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProjectSettings(Section):
    """`[project]`: what the project is called and where MLflow keeps it."""

    name: str = Field(default="vouchml project", description="The project's name, for people.")
    registered_model: RegistryName = Field(description="The registered model that versions are added to.")
    experiment: RegistryName = Field(description="The MLflow experiment that runs are logged to.")
    stage: Literal["Staging", "Production"] = Field(
        default="Staging", description="The stage that is served; its alias is the same word in lower case."
    )
    tracking_uri: Address = Field(
        default="sqlite:///mlflow.db",
        description="MLflow's tracking and registry store. `MLFLOW_TRACKING_URI` wins over it.",
    )
    artifacts: Address = Field(
        default="mlruns",
        description="Where artifacts go when `tracking_uri` is a database: a folder or a URI. "
        "An MLflow server has a place of its own.",
    )


class DataSettings(Section):
    """`[data]`: the table, its target and what the target's values are called."""

    path: str = Field(description="The table, CSV or Parquet; relative to `vouch.toml`.")
    target: str = Field(description="The column to predict.")
    labels: dict[str, str] = Field(
        default_factory=dict, description="A name for each target value; a value without one is its own name."
    )
    positive_class: str = Field(description="The label whose probability is served.")
    exclude: tuple[str, ...] = Field(default=(), description="Columns that are not features, such as an identifier.")
    duplicates: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="`refuse`: identical rows on both sides of the split stop the training; "
        "`drop`: only the first of identical rows is used.",
    )


class ModelSettings(Section):
    """`[model]`: the estimator, its parameters and the decision threshold."""

    estimator: str = Field(default="logistic_regression", description="One of the estimators that vouchml knows.")
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="Parameters of the estimator, by scikit-learn's names."
    )
    threshold: Probability = Field(
        default=0.5, description="The positive class is predicted when its probability is at least this."
    )


class TrainingSettings(Section):
    """`[training]`: the split, the seed and the evaluation."""

    test_size: Probability = Field(default=0.2, description="The share of rows that are kept for the evaluation.")
    random_state: int = Field(default=42, ge=0, le=2**32 - 1, description="The seed of split, fit and evaluation.")
    cv_folds: int = Field(default=5, ge=2, le=50, description="Folds of the cross-validation on the training rows.")
    bootstrap_resamples: int = Field(
        default=2000, ge=100, le=100_000, description="Resamples behind each 95 % interval."
    )
    golden_rows: int = Field(
        default=32,
        ge=0,
        le=1000,
        description="Test rows kept in the model's files, for the service to check a version on before it serves; "
        "0 keeps none.",
    )


class CanarySettings(Section):
    """`[serving] canary`: the version that answers a share of the requests."""

    version: str = Field(description="A number, an alias such as `@challenger`, or a stage.")
    share: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(description="The share of the requests.")


class ServingSettings(Section):
    """`[serving]`: the addresses of the service, what it takes, and how it follows the registry."""

    host: str = Field(default="127.0.0.1", description="The address that the API and MLflow's pages bind.")
    port: Port = Field(default=8000, description="The port of the API.")
    mlflow_port: Port = Field(default=5001, description="The port of MLflow's pages under `vouch up`.")
    poll_seconds: float = Field(default=2.0, ge=0.1, le=3600, description="Seconds between two looks at the registry.")
    workers: int = Field(default=1, ge=1, le=256, description="Worker processes of `vouch serve`.")
    out_of_range: Literal["flag", "refuse"] = Field(
        default="flag",
        description="A feature outside the range that it had in training: `flag` answers and names it, "
        "`refuse` does not answer.",
    )
    mlflow_lenient: bool = Field(
        default=False, description="Let `/invocations` pass over columns that the model does not know, and count them."
    )
    canary: CanarySettings | None = Field(
        default=None,
        description='A version that answers a share of the requests: `{ version = "@challenger", share = 0.05 }`.',
    )
    shadow: str = Field(
        default="", description="A version, such as `@challenger`, that scores every request for comparison only."
    )
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024, description="The longest body of a request for one row.")
    max_batch_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="The longest body of a request for many rows."
    )
    max_batch_rows: int = Field(default=100_000, ge=1, description="The most rows that one request may bring.")
    body_seconds: float = Field(default=10.0, ge=0.1, le=3600, description="Seconds within which a body must arrive.")
    max_in_flight: int = Field(
        default=1024, ge=1, description="Requests that one worker has under way at most; more are told to come again."
    )
    drain_seconds: float = Field(
        default=1.0, ge=0.0, le=600, description="Seconds for which a worker that is to end goes on taking requests."
    )
    log_predictions: bool = Field(default=True, description="Write one log line for each prediction.")
    allow_anonymous: bool = Field(
        default=False, description="Serve without API keys on an address that other machines reach."
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="The secret of MLflow's webhook; without one, webhooks are refused."
    )


class Settings(BaseSettings):
    """All settings of a project, and the folder that relative paths start from."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", case_sensitive=False
    )

    project: ProjectSettings
    data: DataSettings
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    serving: ServingSettings = ServingSettings()
    root: Path = Field(default=Path(), exclude=True, description="The folder of `vouch.toml`; not a setting.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, which arrives as the initial values."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _the_target_is_not_excluded(self) -> Settings:
        if self.data.target in self.data.exclude:
            raise ValueError("[data] exclude names the target itself")
        return self

    @property
    def alias(self) -> str:
        """The registered-model alias that goes with the stage."""
        return self.project.stage.lower()

    @property
    def model_uri(self) -> str:
        """The MLflow URI that is served, such as `models:/breast_cancer_classifier/Staging`."""
        return f"models:/{self.project.registered_model}/{self.project.stage}"

    @property
    def data_path(self) -> Path:
        """The table, as an absolute path."""
        return (self.root / self.data.path).resolve()

    @property
    def private_folder(self) -> Path:
        """`.vouch`, the folder of what vouchml keeps for itself beside the project."""
        return self.root / ".vouch"

    @property
    def api_url(self) -> str:
        """Where a program on this machine reaches the API."""
        return _local_url(self.serving.host, self.serving.port)

    @property
    def mlflow_url(self) -> str:
        """Where a program on this machine reaches MLflow's pages under `vouch up`."""
        return _local_url(self.serving.host, self.serving.mlflow_port)

    @property
    def tracking_uri(self) -> str:
        """MLflow's store; a relative SQLite path starts at the project's folder, wherever the program runs."""
        uri = self.project.tracking_uri
        database = sqlite_file(uri)
        if database is None or database.is_absolute():
            return uri
        return sqlite_uri((self.root / database).resolve())

    @property
    def artifact_location(self) -> str | None:
        """The URI below which a new experiment keeps its artifacts; None leaves it to the MLflow server."""
        if not self.tracking_uri.startswith(("sqlite:", "postgresql", "mysql", "mssql")):
            return None
        if urlsplit(self.project.artifacts).scheme:
            return self.project.artifacts
        return (self.root / self.project.artifacts).resolve().as_uri()


def sqlite_uri(path: Path) -> str:
    """The address of the SQLite database at the absolute `path`.

    Not a character more is encoded than SQLAlchemy needs: MLflow makes the folders of the address as it stands.
    """
    return f"{_SQLITE}{str(path).replace('%', '%25').replace('?', '%3F')}"


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite address, which is percent-encoded as SQLAlchemy reads it; None for any other store."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(unquote(uri.removeprefix(_SQLITE).partition("?")[0]))


def load_settings(path: Path | None = None) -> Settings:
    """Read `path`, else the file named by `VOUCH_CONFIG`, else `vouch.toml` here, and the environment over it.

    Raises:
        SettingsInvalid: the file is missing or not TOML, a key is unknown, or a value is not allowed.
    """
    path = path or Path(os.environ.get(SETTINGS_FILE_VARIABLE, SETTINGS_FILE))
    return settings_from(_read_toml(path), file=path.name, root=path.resolve().parent)


def settings_from(values: Mapping[str, Any], *, file: str, root: Path) -> Settings:
    """The settings `values`, which `file` holds, and the environment over them; relative paths start at `root`.

    Raises:
        SettingsInvalid: a key is unknown, or a value is not allowed.
    """
    _refuse_wrong_variables()
    if uri := os.environ.get(MLFLOW_VARIABLE):
        values = {**values, "project": {**_section(values, "project"), "tracking_uri": uri}}
    if "root" in values:
        raise _unknown_key(file, "root", Settings)
    return _validated({**values, "root": root}, file)


def setting_names() -> Iterator[str]:
    """Every setting as `section.key`, in the order of the file."""
    for section, field in Settings.model_fields.items():
        if section != "root":
            yield from (f"{section}.{key}" for key in _section_model(field.annotation).model_fields)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsInvalid(
            f"There is no {path.name} in {path.resolve().parent}.",
            remedy="Run the command in the project's folder, name the file with --config, "
            "or make one: vouch init TABLE.csv --target COLUMN",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} cannot be read: {_reason(error)}.", remedy="Check the file.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path} is not TOML: {error}.", remedy="Mend the line that is named.") from error


def _reason(error: Exception) -> str:
    return (error.strerror or "unreadable") if isinstance(error, OSError) else "it is not UTF-8"


def _section(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = values.get(name, {})
    return dict(section) if isinstance(section, Mapping) else {}


def _refuse_wrong_variables() -> None:
    known = {f"{ENVIRONMENT_PREFIX}{name.replace('.', '__').upper()}": name for name in setting_names()}
    tables = tuple(
        f"{ENVIRONMENT_PREFIX}{section.upper()}__"
        for section in ("data__labels", "model__parameters", "serving__canary")
    )
    for variable in os.environ:
        name = variable.upper()
        if not name.startswith(ENVIRONMENT_PREFIX) or name == SETTINGS_FILE_VARIABLE:
            continue
        if name not in known and not name.startswith(tables):
            raise SettingsInvalid(
                f"The environment variable {variable} is not a setting.{_nearest(name, known)}",
                remedy="Unset it, or write VOUCH_<SECTION>__<KEY>, such as VOUCH_SERVING__PORT.",
            )
        if known.get(name) in _LISTS_AND_TABLES and not _is_json(os.environ[variable]):
            raise SettingsInvalid(
                f"The environment variable {variable} is not JSON.",
                remedy='Write a list as ["a", "b"] and a table as {"0": "no", "1": "yes"}.',
            )


def _validated(values: dict[str, Any], file: str) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = [str(part) for part in first["loc"]]
        if first["type"] == "extra_forbidden":
            raise _unknown_key(file, ".".join(place), _model_at(place[:-1])) from None
        where = f"{file}: [{place[0]}] {'.'.join(place[1:])}".strip() if place else f"{file}: it"
        raise SettingsInvalid(
            f"{_variable_at(place) or where}: {_problem(first)}.",
            remedy="docs/settings.md lists every setting and what it takes.",
        ) from None


def _problem(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return "is required"
    if error["type"] in ("model_type", "model_attributes_type"):
        return "must be a section, with keys of its own"
    return error["msg"].removeprefix("Value error, ")


def _variable_at(place: Sequence[str]) -> str:
    """The environment variable that gave the value at `place`, which is where it has to be mended, if one did."""
    wanted = ENVIRONMENT_PREFIX + "__".join(place[:2]).upper()
    found = next((name for name in os.environ if name.upper() == wanted), "")
    if not found and list(place) == ["project", "tracking_uri"] and os.environ.get(MLFLOW_VARIABLE):
        return MLFLOW_VARIABLE
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _unknown_key(file: str, dotted: str, model: type[BaseModel]) -> SettingsInvalid:
    *section, key = dotted.split(".")
    names = [name for name in model.model_fields if name != "root"]
    place = f"in [{'.'.join(section)}]" if section else "at the top"
    return SettingsInvalid(
        f"{file}: '{key}' {place} is not a setting.{_nearest(key, names)}",
        remedy=f"Known there: {', '.join(names)}.",
    )


def _nearest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def _model_at(place: list[str]) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for key in place:
        model = _section_model(model.model_fields[key].annotation)
    return model


def _section_model(annotation: Any) -> type[BaseModel]:
    model = annotation if isinstance(annotation, type) else get_args(annotation)[0]
    assert issubclass(model, BaseModel)  # noqa: S101 - every section is a model
    return model


def _local_url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
