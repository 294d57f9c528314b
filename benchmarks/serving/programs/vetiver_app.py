"""vetiver: a handler that answers probabilities, and its API."""

from __future__ import annotations

from typing import Any

import pandas as pd
from vetiver import VetiverAPI, VetiverModel
from vetiver.handlers.sklearn import SKLearnHandler

from benchmarks.serving.programs.exported_model import read_exported_model
from benchmarks.serving.programs.pipeline import make_pipeline

model = read_exported_model()


class Probabilities(SKLearnHandler):
    """The probability of the positive class instead of the label."""

    def handler_predict(self, input_data: Any, check_prototype: bool) -> Any:
        """Score the rows."""
        return self.model.predict_proba(input_data)[:, model.positive_index].tolist()


prototype = pd.DataFrame([model.row], columns=list(model.names))
served = VetiverModel(
    Probabilities(make_pipeline(model, named=True), prototype), model_name="classifier", prototype_data=prototype
)
app = VetiverAPI(served, check_prototype=True).app
