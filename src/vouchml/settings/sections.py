"""The sections of `vouch.toml`: every key with its default, its bounds and what it is for."""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    model_validator,
)

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


def _days_of_each(days: object) -> object:
    """One number stands for every type of record that has a payload."""
    return dict.fromkeys(get_args(KeptType), days) if type(days) is int else days


RegistryName = Annotated[str, AfterValidator(_a_name_that_mlflow_takes)]
Address = Annotated[str, AfterValidator(_an_address)]
KeptType = Literal["prediction", "outcome"]
RetentionDays = Annotated[dict[KeptType, Annotated[int, Field(ge=1, le=36_500)]], BeforeValidator(_days_of_each)]


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
    categorical: tuple[str, ...] = Field(
        default=(), description="Feature columns that hold categories: texts, whole numbers or booleans, each a name."
    )
    nullable: tuple[str, ...] = Field(
        default=(), description="Feature columns in which a value may be missing, here and when the model is asked."
    )
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
    load_seconds: float = Field(
        default=60.0,
        ge=1.0,
        le=3600,
        description="Seconds within which a new version must load, in a process of its own, before it may serve.",
    )
    max_bundle_bytes: int = Field(
        default=1024**3, ge=1024, description="The most bytes that the files of a version may have together."
    )
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
        default=16 * 1024 * 1024, ge=1024, description="The longest body of a request for many rows."
    )
    max_batch_rows: int = Field(default=20_000, ge=1, description="The most rows that one request may bring.")
    body_seconds: float = Field(default=10.0, ge=0.1, le=3600, description="Seconds within which a body must arrive.")
    max_in_flight: int = Field(
        default=1024, ge=1, description="Requests that one worker has under way at most; more are told to come again."
    )
    max_rows_in_flight: int = Field(
        default=200_000,
        ge=1,
        description="Rows that one worker has under way at most in requests of many; more are told to come again.",
    )
    max_bytes_in_flight: int = Field(
        default=256 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bytes of bodies longer than 64 KiB that one worker holds at most, all requests together; "
        "more are told to come again.",
    )
    drain_seconds: float = Field(
        default=1.0, ge=0.0, le=600, description="Seconds for which a worker that is to end goes on taking requests."
    )
    log_predictions: bool = Field(default=True, description="Write one log line for each prediction.")
    allow_anonymous: bool = Field(
        default=False, description="Serve without API keys on an address that other machines reach."
    )
    tracing: bool = Field(
        default=False,
        description="Make one OpenTelemetry span a request, with the extra `otel`; `OTEL_EXPORTER_OTLP_*` say where "
        "they go.",
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="The secret of MLflow's webhook; without one, webhooks are refused."
    )


class AnchorSettings(Section):
    """`[[ledger.anchors]]`: a place outside that gets the checkpoints of the ledger."""

    kind: Literal["file", "s3", "http", "tsa"] = Field(
        description="`file`: a folder elsewhere; `s3`: a bucket; `http`: an endpoint; `tsa`: a time-stamping authority."
    )
    to: Address = Field(description="The folder, `s3://BUCKET/PREFIX`, or the URL.")
    every_seconds: float = Field(default=60.0, ge=1.0, le=86_400, description="Seconds between two pushes, at least.")
    endpoint: Address = Field(default="", description="`s3`: the address of a server that is not Amazon's.")
    region: str = Field(default="", description="`s3`: the region; the credentials come from the environment.")
    token_variable: str = Field(default="", description="`http`: the environment variable that has a bearer token.")
    certificate: str = Field(
        default="", description="`tsa`: a PEM file with the authority's root, against which its answers are verified."
    )

    @model_validator(mode="after")
    def _the_address_fits_the_kind(self) -> AnchorSettings:
        schemes = {"file": ("",), "s3": ("s3://",), "http": ("https://", "http://"), "tsa": ("https://", "http://")}
        if not self.to:
            raise ValueError("`to` is empty")
        if not self.to.startswith(schemes[self.kind]):
            raise ValueError(f"`to` of the kind {self.kind} begins with {' or '.join(schemes[self.kind])}")
        return self


class LedgerSettings(Section):
    """`[ledger]`: where each prediction is on disk before its answer leaves."""

    url: Address = Field(
        default="sqlite:///vouch-ledger.db",
        description="`sqlite:///FILE`, relative to `vouch.toml`, or `postgresql://…`. Empty keeps no ledger, and every "
        "page and answer of the service says so.",
    )
    origin: str = Field(
        default="",
        pattern=r"^[^\s+]*$",
        description="The name in its checkpoints, without spaces; empty makes one from the registered model.",
    )
    on_failure: Literal["refuse", "serve"] = Field(
        default="refuse",
        description="When the ledger cannot be written: `refuse` answers 503; `serve` answers unrecorded, says so in "
        "the answer, and leaves a `gap` record.",
    )
    checkpoint_records: int = Field(default=1000, ge=1, description="Records after which a checkpoint is signed.")
    checkpoint_seconds: float = Field(
        default=60.0, ge=0.1, le=86_400, description="Seconds after which new records get a checkpoint at the latest."
    )
    anchors: tuple[AnchorSettings, ...] = Field(
        default=(),
        description="`[[ledger.anchors]]`: places outside that get the checkpoints; see docs/ledger.md.",
    )
    retention_days: RetentionDays = Field(
        default_factory=dict,
        description="After how many days `vouch ledger prune` erases payloads: one number, or a table by type of "
        "record, `{ prediction = 400, outcome = 800 }`. A type without a number is kept.",
    )
    minimum_retention_days: int = Field(
        default=183,
        ge=0,
        le=36_500,
        description="The days for which the law wants payloads kept, 6 months by default; to prune earlier needs a "
        "basis that is recorded.",
    )


class TrustSettings(Section):
    """`[trust]`: whose signatures count, and how far those who sign must be apart."""

    separation: Literal["none", "roles", "people"] = Field(
        default="roles",
        description="How far an approver must be from whoever made the model: `none`: nobody asks; `roles`: another "
        "key, as development keys are; `people`: another person, by the e-mail in the trust store.",
    )
    admission: Literal["enforce", "warn", "off"] = Field(
        default="enforce",
        description="What the service asks of a version before it loads it: `enforce` refuses one without evidence; "
        "`warn` loads it and says so on every page; `off` does not look, and says that.",
    )
    accepted_policies: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...] = Field(
        default=(), description="Digests of policies, beside the project's own, whose decisions count."
    )
    store: str = Field(
        default="trust.toml", description="The public keys with their roles; kept with the project in version control."
    )
    keys: str = Field(
        default=".vouch/keys", description="The folder of the private keys on this machine; never in version control."
    )
