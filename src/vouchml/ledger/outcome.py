"""Outcomes: what turned out to be true about a prediction. The label is in the payload, salted and erasable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vouchml.errors import OutcomeRefused
from vouchml.ledger.record import Record, RecordType, event
from vouchml.model import Contract
from vouchml.model.contract import LabelledClass


def class_called(contract: Contract, text: str) -> LabelledClass:
    """The class of the model that `text` names, by its label or by its target value.

    Raises:
        OutcomeRefused: it names none.
    """
    for each in contract.classes:
        if text in (each.label, str(each.value)):
            return each
    labels = " and ".join(f"'{each.label}'" for each in contract.classes)
    raise OutcomeRefused("The model has no such label.", remedy=f"Its labels are {labels}.")


def outcome_record(
    place: int, prediction: Mapping[str, Any], true: LabelledClass, *, who: str, time: datetime
) -> Record:
    """The record that the prediction at `place`, with the leaf `prediction`, turned out to be `true`.

    The latest one counts.
    """
    prediction_id, request_id = prediction["prediction_id"], prediction["request_id"]
    return event(
        RecordType.OUTCOME,
        {"about": place, "prediction_id": prediction_id, "request_id": request_id, "who": who},
        time=time,
        payload={"label": true.label, "value": true.value},
        ids=(prediction_id, request_id),
    )
