"""Find the records of predictions by what their answers were called: request id, prediction id, batch and row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vouchml.errors import RecordAmbiguous, RecordNotFound
from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import Entry


class Findable(Protocol):
    """What a search reads from: a store."""

    def find(self, name: str) -> Sequence[int]:
        """The places of the records with the id `name`."""
        ...

    def entry(self, index: int) -> Entry:
        """The record at a place."""
        ...


def predictions_of(store: Findable, name: str, *, row: int | None = None) -> tuple[int, ...]:
    """The places of the predictions that the request or prediction id `name` has, in order; with `row`, those of it.

    A request of many rows gave each a prediction id of its own, `<batch>-<row>`. A caller may use one request id for
    several requests.

    Raises:
        RecordNotFound: there is none.
    """
    found = _predictions(store, name)
    if row is not None:
        of_row = [place for place, fields in found.items() if fields.get("row") == row]
        places = of_row or list(_predictions(store, f"{name}-{row}"))
    elif found:
        places = list(found)
    else:
        first = _predictions(store, f"{name}-0")  # the name of a batch, which stands in its rows only
        places = [place for fields in first.values() for place in _predictions(store, fields["request_id"])]
    if not places:
        raise RecordNotFound(
            "The ledger has no prediction with this id.",
            remedy="Give the request_id or the prediction_id of an answer; with many rows also the row.",
        )
    return tuple(places)


def prediction_of(store: Findable, name: str, *, row: int | None = None) -> int:
    """The place of the one prediction that is meant.

    Raises:
        RecordNotFound: there is none.
        RecordAmbiguous: there are several.
    """
    places = predictions_of(store, name, row=row)
    if len(places) > 1:
        raise RecordAmbiguous(
            f"{len(places)} predictions have this id.", remedy="Name one by its prediction_id, or by the row."
        )
    return places[0]


def records_about(store: Findable, prediction_id: str, kind: RecordType) -> tuple[int, ...]:
    """The places of the records of type `kind` about a prediction: its outcomes, its erasure."""
    return tuple(place for place in store.find(prediction_id) if _type(store, place) == kind.value)


def _predictions(store: Findable, name: str) -> dict[int, Mapping[str, Any]]:
    # A request may have had a hundred thousand rows; whether a leaf is as it must be is looked at when it is traced.
    leaves = {place: json.loads(store.entry(place).leaf) for place in store.find(name)}
    return {place: fields for place, fields in leaves.items() if fields["type"] == RecordType.PREDICTION.value}


def _type(store: Findable, place: int) -> Any:
    return json.loads(store.entry(place).leaf)["type"]
