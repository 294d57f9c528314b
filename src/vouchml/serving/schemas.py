"""The JSON that the service sends and takes, as pydantic models: they write the OpenAPI document.

A request is documented here and decoded by `vouchml.model.request` from the raw bytes, more strictly than a schema
can say: keys named twice and numbers that are not finite are refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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


class Prediction(Source):
    """The answer to one row, and where it comes from."""

    positive_class: str = Field(description="The label whose probability is given.")
    probability_positive_class: float = Field(ge=0.0, le=1.0)
    prediction: int | str = Field(description="The target value, as in the training table.")
    prediction_label: str
    request_id: str
    prediction_id: str = Field(description="Unique to this answer.")
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
    decision: None = Field(default=None, description="The decision that admitted the version; none is made yet.")
    estimator: str
    scorer: Literal["affine", "onnx", "sklearn"]
    loaded_at: str


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
