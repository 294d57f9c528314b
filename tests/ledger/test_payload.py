"""The inputs of a payload, as a person reads them."""

from __future__ import annotations

import json
import math

import numpy as np

from vouchml.ledger.payload import PredictionPayload
from vouchml.model import Feature

FEATURES = (
    Feature(name="age", nullable=True, minimum=0.0, maximum=99.0),
    Feature(name="sex", type="category", categories=("f", "m")),
    Feature(name="dose", minimum=0.0, maximum=1.0),
)


def payload(*inputs: float) -> PredictionPayload:
    return PredictionPayload(
        caller=None,
        door="predict",
        inputs=np.array(inputs),
        label="yes",
        out_of_range=(),
        prediction=1,
        probability=0.75,
        role="champion",
        threshold=0.5,
    )


def test_inputs_are_told_as_they_were_sent_where_the_features_are_known() -> None:
    assert payload(math.nan, 1.0, 0.5).named(FEATURES) == {"age": None, "sex": "m", "dose": 0.5}


def test_inputs_are_numbers_that_json_can_hold_where_the_features_are_not_known() -> None:
    told = payload(math.nan, 1.0, 0.5)
    assert told.named(None) == told.named(FEATURES[:2]) == told.numbers() == [None, 1.0, 0.5]
    json.dumps(told.numbers(), allow_nan=False)
