"""The JSON that the service sends and takes, as pydantic models: they write the OpenAPI document.

A request is documented here and decoded by `vouchml.model.request` from the raw bytes, more strictly than a schema
can say: keys named twice and numbers that are not finite are refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vouchml.ledger.link import Outcome
from vouchml.model.request import REQUEST_ID_PATTERN

RequestId = Annotated[str, Field(pattern=REQUEST_ID_PATTERN)]
Features = Annotated[
    dict[str, float | str | None],
    Field(
        description="A value for every feature that /model-info names: a finite number, or one of its categories; "
        "null only where the feature is nullable."
    ),
]


class PredictBody(BaseModel):
    """One row to score."""

    model_config = ConfigDict(extra="forbid")

    request_id: RequestId = Field(
        default="", description="Your name for this request, given back in the answer; made up when it is left out."
    )
    features: Features
    explain: bool = Field(default=False, description="Whether to say what each feature contributes to the answer.")


class BatchBody(BaseModel):
    """Rows to score."""

    model_config = ConfigDict(extra="forbid")

    request_id: RequestId = Field(default="", description="Your name for this request; made up when it is left out.")
    rows: list[Features] = Field(min_length=1)


class Explanation(BaseModel):
    """What each feature contributes; `base_value` and the contributions add up to the score in `unit`."""

    unit: str
    base_value: float
    score: float
    contributions: dict[str, float]


class Source(BaseModel):
    """Where an answer comes from."""

    model_name: str
    model_stage: str
    model_version: str
    source_run_id: str | None = Field(description="The MLflow run that made the version.")
    threshold: float = Field(description="The positive class is predicted from this probability on.")
    model_role: Literal["champion", "challenger"] = Field(description="Whether a canary answered.")
    shadow_version: str | None = Field(description="The version that is compared with the one that answered.")
    break_glass_until: str | None = Field(
        default=None, description="Only while a version serves by an emergency admission: when that ends."
    )


class Prediction(Source):
    """The answer to one row, and where it comes from."""

    positive_class: str = Field(description="The label whose probability is given.")
    probability_positive_class: float = Field(ge=0.0, le=1.0)
    prediction: int | str = Field(description="The target value, as in the training table.")
    prediction_label: str
    request_id: str
    prediction_id: str = Field(description="Unique to this answer; the request_id where the request named none.")
    out_of_range: list[str] = Field(description="Features outside the range that they had in training.")
    explanation: Explanation | None = Field(default=None, description="Only when it was asked for.")


class RowPrediction(BaseModel):
    """The answer to one row of many."""

    probability_positive_class: float = Field(ge=0.0, le=1.0)
    prediction: int | str
    prediction_label: str
    prediction_id: str
    out_of_range_count: int = Field(description="How many features are outside their range of training.")


class BatchPrediction(Source):
    """The answers to many rows, in order, all by one version."""

    positive_class: str
    request_id: str
    predictions: list[RowPrediction]


class FeatureInfo(BaseModel):
    """One column that the model takes: a number with its range in training, or a category with all its values."""

    name: str
    type: Literal["number", "category"]
    nullable: bool
    minimum: float | None
    maximum: float | None
    categories: list[str] | None


class ApprovalShown(BaseModel):
    """What a person signed about the model."""

    file: str
    meaning: str
    reason: str
    time: str
    name: str
    key: str


class DecisionShown(BaseModel):
    """The signed decision that let the model in, or that two people did without one."""

    outcome: Literal["PASS", "FAIL", "INCONCLUSIVE", "BREAK_GLASS"]
    sha256: str | None = Field(description="Of the decision's file, as the ledger names it.")
    decided_at: str | None
    valid_until: str
    gate: str | None = Field(description="Whose key decided.")
    signed_by: str = Field(description="Whose key signed the model's files.")
    approvals: list[ApprovalShown]


class ModelInfo(BaseModel):
    """The version that answers now."""

    model_name: str
    model_stage: str
    model_version: str
    source_run_id: str | None
    expected_feature_count: int
    expected_features: list[str] = Field(description="In the order of the model's input.")
    features: list[FeatureInfo] = Field(description="What each of them may be.")
    threshold: float
    positive_class: str
    labels: dict[str, str] = Field(description="The label of each target value.")
    data_sha256: str = Field(description="SHA-256 of the bytes of the training table.")
    model_digest: str = Field(description="OpenSSF Model Signing root over the version's files.")
    estimator: str
    scorer: Literal["affine", "onnx", "sklearn"]
    decision: DecisionShown | None = Field(description="Why it was let in; null where admission does not look.")
    loaded_at: str


class LedgerHealth(BaseModel):
    """How the ledger is."""

    state: Literal["ok", "unavailable", "off"]
    records: int | None = Field(description="Records at the last commit of the worker that answers.")


class Health(BaseModel):
    """Whether the service can answer, and whether it follows the registry."""

    status: Literal["ok", "degraded"]
    model_loaded: bool
    model_name: str
    model_stage: str
    model_version: str | None
    reasons: list[str] = Field(description="Why the status is degraded; empty when it is ok.")
    warnings: list[str] = Field(description="What an operator should look at; the service is well.")
    last_poll_at: str | None = Field(description="The end of the last look at the registry, successful or not.")
    registry_reachable: bool | None = Field(description="Null until the first look has ended.")
    settings_changed: bool = Field(
        description="Whether vouch.toml was changed since the worker that answers started, and waits for a restart."
    )
    ledger: LedgerHealth


class TraceLinkReply(BaseModel):
    """One link of a chain, and whether it holds."""

    part: Literal["record", "log", "model", "origin"]
    name: str
    status: Literal["verified", "failed", "not checked"]
    reason: str
    facts: dict[str, str | int | bool | None] = Field(description="What the link names: digests, ids, times.")


class TracedPayload(BaseModel):
    """The inputs as they were used, and what came of them."""

    caller: str | None
    door: str
    role: str
    inputs: list[float | None] = Field(
        description="In the order of the model's contract; a category as its place in the contract's list, from 0."
    )
    out_of_range: list[str]
    probability: float
    threshold: float
    prediction: int | str
    label: str


class TracedPrediction(BaseModel):
    """One prediction and its chain."""

    index: int = Field(description="Its place in the ledger.")
    request_id: str
    prediction_id: str
    row: int | None = Field(description="Its place in a request of many rows.")
    outcome: Outcome
    links: list[TraceLinkReply]
    payload: TracedPayload | None = Field(description="Only when it was asked for, and is not erased.")


class TraceReply(BaseModel):
    """The chains of the predictions that have an id."""

    found: int = Field(description="How many predictions have the id; only the first 1,000 requests of it are counted.")
    predictions: list[TracedPrediction] = Field(description="The first twenty of them.")


class IncludedRecord(BaseModel):
    """A record and its way up the tree."""

    leaf: str = Field(description="The JSON text that was hashed.")
    index: int
    inclusion: list[str] = Field(description="Hashes in base64url, the deepest first.")


class ReceiptReply(IncludedRecord):
    """A receipt: check it offline with `vouch verify-receipt`. docs/ledger-format.md has it byte by byte."""

    format: Literal["vouchml-receipt/v1"]
    checkpoint: str = Field(description="A signed note.")
    payload: str | None = Field(description="Only when it was asked for, and is not erased.")
    salt: str | None
    erased: IncludedRecord | None = Field(description="The record that tells of the erasure.")


class Probe(BaseModel):
    """A yes to an orchestrator."""

    status: Literal["live", "ready"]


class InvalidEntry(BaseModel):
    """One feature that breaks the contract."""

    feature: str
    problem: str


class ErrorDetail(BaseModel):
    """What is wrong with a request, never what was in it."""

    code: str = Field(description="Stable, for programs; docs/errors.md lists all.")
    message: str
    missing: list[str] = []
    extra: list[str] = []
    invalid: list[InvalidEntry] = []


class ErrorReply(BaseModel):
    """The body of every error."""

    detail: ErrorDetail
