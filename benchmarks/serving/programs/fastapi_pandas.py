"""What most tutorials write: a data frame of one row and scikit-learn. `async`, which is the faster form here."""

from __future__ import annotations

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.serving.programs.exported_model import read_exported_model
from benchmarks.serving.programs.pipeline import make_pipeline

model = read_exported_model()
pipeline = make_pipeline(model, named=True)
app = FastAPI()


class Body(BaseModel):
    """The row."""

    features: dict[str, float]


class Answer(BaseModel):
    """The answer."""

    probability_positive_class: float
    prediction_label: str


@app.post("/predict")
async def predict(body: Body) -> Answer:
    """Score one row."""
    frame = pd.DataFrame([body.features])[list(model.names)]
    probability = float(pipeline.predict_proba(frame)[0, model.positive_index])
    label = model.positive_label if probability >= model.threshold else model.negative_label
    return Answer(probability_positive_class=probability, prediction_label=label)
