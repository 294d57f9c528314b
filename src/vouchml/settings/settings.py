"""All settings of a project in one frozen value, and what follows from them: addresses, folders, URIs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vouchml.settings.policy import PolicySettings
from vouchml.settings.sections import (
    DataSettings,
    LedgerSettings,
    ModelSettings,
    ProjectSettings,
    ServingSettings,
    TrainingSettings,
    TrustSettings,
)

ENVIRONMENT_PREFIX = "VOUCH_"
_SQLITE = "sqlite:///"


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
    policy: PolicySettings = PolicySettings()
    ledger: LedgerSettings = LedgerSettings()
    trust: TrustSettings = TrustSettings()
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
    def trust_store_path(self) -> Path:
        """The public keys with their roles."""
        return (self.root / self.trust.store).resolve()

    @property
    def signing_keys_folder(self) -> Path:
        """The private keys on this machine."""
        return (self.root / self.trust.keys).resolve()

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
        return self._at_root(self.project.tracking_uri)

    @property
    def ledger_url(self) -> str:
        """The ledger's store; a relative SQLite path starts at the project's folder. Empty: there is no ledger."""
        return self._at_root(self.ledger.url)

    @property
    def artifact_location(self) -> str | None:
        """The URI below which a new experiment keeps its artifacts; None leaves it to the MLflow server."""
        if not self.tracking_uri.startswith(("sqlite:", "postgresql", "mysql", "mssql")):
            return None
        if urlsplit(self.project.artifacts).scheme:
            return self.project.artifacts
        return (self.root / self.project.artifacts).resolve().as_uri()

    def _at_root(self, address: str) -> str:
        database = sqlite_file(address)
        if database is None or database.is_absolute():
            return address
        return sqlite_uri((self.root / database).resolve())


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


def _local_url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
