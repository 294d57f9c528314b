"""The JSON of the protocols that are not ours, as pydantic models: they write the OpenAPI document.

MLflow's scoring protocol and the Open Inference Protocol v2. What a client sends is written out by `request_bodies`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Provenance = dict[str, str | float | int]


class MlflowPredictions(BaseModel):
    """What `mlflow.pyfunc` gives for the model: the probabilities of both classes, row by row."""

    predictions: list[Annotated[list[float], Field(min_length=2, max_length=2)]]


class MlflowError(BaseModel):
    """An error as MLflow's scoring server words it."""

    error_code: str
    message: str = Field(description="What is wrong with the request, never what was in it.")


class InferenceError(BaseModel):
    """An error as the Open Inference Protocol words it."""

    error: str = Field(description="What is wrong with the request, never what was in it.")


class ServerMetadata(BaseModel):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(BaseModel):
    """Whether the process answers."""

    live: bool


class ServerReady(BaseModel):
    """Whether predictions are answered."""

    ready: bool


class ModelReady(BaseModel):
    """Whether the model answers."""

    name: str
    ready: bool


class TensorMetadata(BaseModel):
    """A tensor that the model takes or gives; -1 is the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class MatrixMetadata(TensorMetadata):
    """The tensor that holds all features, and what its columns are."""

    parameters: dict[Literal["columns"], list[str]]


class ModelMetadata(BaseModel):
    """What the model takes and gives: one tensor of all features or, where some hold texts, one for each."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    versions: list[str]
    platform: str
    inputs: Sequence[MatrixMetadata | TensorMetadata]
    outputs: list[TensorMetadata]


class OutputTensor(BaseModel):
    """One output. Its data stand here, or in `binary_data_size` bytes behind the JSON."""

    name: str
    datatype: Literal["FP64", "INT64", "BYTES"]
    shape: list[int]
    data: list[Any] | None = Field(default=None)
    parameters: dict[Literal["binary_data_size"], int] | None = Field(default=None)


class InferenceResponse(BaseModel):
    """The answers to the rows, in order, and where they come from."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str
    parameters: Provenance = Field(
        description="Which version answered, and where it comes from; `break_glass_until` only while a version serves "
        "by an emergency admission."
    )
    outputs: list[OutputTensor]
