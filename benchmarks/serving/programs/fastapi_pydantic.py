"""FastAPI with strict pydantic models of the named floats, scoring without scikit-learn."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

from benchmarks.serving.programs.affine import fold
from benchmarks.serving.programs.exported_model import read_exported_model

_model = read_exported_model()
_affine = fold(_model)
_fields: dict[str, Any] = {f"f{index}": (float, Field(alias=name)) for index, name in enumerate(_model.names)}
_strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Features: Any = create_model("Features", __config__=_strict, **_fields)
Body: Any = create_model("Body", __config__=_strict, features=(Features, ...))


class Answer(BaseModel):
    """The answer."""

    probability_positive_class: float
    prediction_label: str


async def predict(body: Any) -> Answer:
    """Score one row."""
    # A model's fields lie in its dictionary in the order in which they were declared.
    probability = _affine.probability(tuple(body.features.__dict__.values()))
    label = _model.positive_label if probability >= _model.threshold else _model.negative_label
    return Answer(probability_positive_class=probability, prediction_label=label)


# The type is made at run time, where an annotation in the source cannot name it.
predict.__annotations__ = {"body": Body, "return": Answer}
app = FastAPI()
app.post("/predict")(predict)
