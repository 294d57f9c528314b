"""Find the records of predictions by what their answers were called: request id, prediction id, batch and row.

A caller chooses its request ids, and may choose one that is another's, or the id of a prediction. So an id that we made
goes before one that a caller chose; nobody knows ours before its record is in the log, so its record is the first one.

The rows of a request stand in the log one after the other. So where they end is found with a few looks, however many
there are.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Protocol

from vouchml.errors import RecordAmbiguous, RecordNotFound
from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import Entry

#: So many requests of one id are looked for; who reads the ledger need not wait for more.
MOST_REQUESTS: Final = 1_000
#: So many of their predictions are listed.
MOST_FOUND: Final = 100_000
_NAMED: Final = 20
#: Ids of others may begin with the same bits, so that the record that is meant is not the very first.
_LOOKED_AT: Final = 64


class Findable(Protocol):
    """What a search reads from: a store."""

    def candidates(self, name: str) -> Sequence[int]:
        """The places, in order, of the records that may have the id `name`."""
        ...

    def find(self, name: str) -> Sequence[int]:
        """The places of the records with the id `name`."""
        ...

    def entry(self, index: int) -> Entry:
        """The record at a place."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """The predictions of one request, or the one of them that is meant: their places, and when they were made."""

    places: range
    time: str


def requests_of(
    store: Findable, name: str, *, row: int | None = None, most: int | None = MOST_REQUESTS
) -> tuple[Request, ...]:
    """The requests that the request or prediction id `name` means, in order; with `row`, that row of each.

    A request of many rows gave each a prediction id of its own, `<batch>-<row>`. A caller may use one request id for
    several requests; `most` of them are looked for, None: all.

    Raises:
        RecordNotFound: there is none.
    """
    places = store.candidates(name)
    ours = _ours(store, name, row, places)
    found = [ours] if ours is not None else _by_request_id(store, name, row, most, places)
    if not found:
        raise RecordNotFound(
            "The ledger has no prediction with this id.",
            remedy="Give the request_id or the prediction_id of an answer; with many rows also the row.",
        )
    return tuple(found)


def predictions_of(store: Findable, name: str, *, row: int | None = None) -> tuple[int, ...]:
    """The places of the predictions that `requests_of` finds, in order, the first `MOST_FOUND` of them.

    Raises:
        RecordNotFound: there is none.
    """
    requests = requests_of(store, name, row=row)
    return tuple(islice(chain.from_iterable(request.places for request in requests), MOST_FOUND))


def require_one_request(store: Findable, requests: Sequence[Request]) -> None:
    """Check that an id means one request.

    Raises:
        RecordAmbiguous: it means several, which are named by what we called them, their time and caller.
    """
    if len(requests) == 1:
        return
    named = "; ".join(
        f"{_id(store, request)} of {request.time} by {_caller(store, request)}" for request in requests[:_NAMED]
    )
    more = "; …" if len(requests) > _NAMED else ""
    raise RecordAmbiguous(
        f"{len(requests)} requests have this id: {named}{more}.",
        remedy="Give one of these ids in its place, or take them all, whoever sent them: --all",
    )


def prediction_of(store: Findable, name: str, *, row: int | None = None) -> int:
    """The place of the one prediction that is meant.

    Raises:
        RecordNotFound: there is none.
        RecordAmbiguous: there are several.
    """
    places = predictions_of(store, name, row=row)
    if len(places) > 1:
        raise _several(store, places)
    return places[0]


def records_about(store: Findable, prediction_id: str, kind: RecordType) -> tuple[int, ...]:
    """The places of the records of type `kind` about a prediction: its outcomes, its erasure."""
    return tuple(place for place in store.find(prediction_id) if _type(store, place) == kind.value)


def _several(store: Findable, places: Sequence[int]) -> RecordAmbiguous:
    """The error for an id of several predictions, which lists them by their ids, times and rows."""
    named = []
    for place in places[:_NAMED]:
        fields = _fields(store, place)
        row = f", row {fields['row']}" if "row" in fields else ""
        named.append(f"\n  {fields['prediction_id']} ({fields['time']}{row})")
    more = f"\n  and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return RecordAmbiguous(
        f"{len(places)} predictions have this id.",
        remedy=f"Give one of these ids in its place, or say the row too:{''.join(named)}{more}",
    )


def _ours(store: Findable, name: str, row: int | None, places: Sequence[int]) -> Request | None:
    """What the prediction id `name` means, or the batch `name`, or a row of it; `places` are the candidates of it."""
    if row is not None:
        named = _with_prediction_id(store, f"{name}-{row}", store.candidates(f"{name}-{row}"))
        if named is None:
            named = _with_prediction_id(store, name, places)
            if named is not None and named[1].get("row") != row:
                return None
        return None if named is None else _request(named[0], named[0] + 1, named[1])
    named = _with_prediction_id(store, name, places)
    if named is not None:
        return _request(named[0], named[0] + 1, named[1])
    row_0 = f"{name}-0"  # the name of a batch stands in its rows only
    first = _with_prediction_id(store, row_0, store.candidates(row_0))
    if first is None or _batch(first[1]) != name:
        return None
    rows = store.candidates(first[1]["request_id"])
    end = _end(store, rows, bisect_left(rows, first[0]), name)
    return _request(first[0], rows[end - 1] + 1, first[1])


def _by_request_id(
    store: Findable, name: str, row: int | None, most: int | None, places: Sequence[int]
) -> list[Request]:
    """What callers called `name`, of which `places` are the candidates."""
    found: list[Request] = []
    position = 0
    while position < len(places) and (most is None or len(found) < most):
        fields = _fields(store, places[position])
        if fields["type"] != RecordType.PREDICTION.value or fields["request_id"] != name:
            position += 1
            continue
        first, batch = position, _batch(fields)
        position = position + 1 if batch is None else _end(store, places, position, batch)
        if row is None:
            found.append(_request(places[first], places[position - 1] + 1, fields))
        elif batch is not None and row < position - first:
            found.append(_request(places[first + row], places[first + row] + 1, fields))
    return found


def _end(store: Findable, places: Sequence[int], first: int, batch: str) -> int:
    """Where, in `places`, the rows of `batch` end that begin at `first`."""
    in_turn = bisect_right(range(len(places)), places[first] - first, lo=first, key=lambda at: places[at] - at)
    return bisect_left(range(in_turn), True, lo=first + 1, key=lambda at: _batch(_fields(store, places[at])) != batch)


def _with_prediction_id(store: Findable, wanted: str, places: Sequence[int]) -> tuple[int, Mapping[str, Any]] | None:
    """The place and the fields of the prediction that we called `wanted`, of which `places` are the candidates."""
    for place in places[:_LOOKED_AT]:
        fields = _fields(store, place)
        if fields["type"] == RecordType.PREDICTION.value and fields["prediction_id"] == wanted:
            return place, fields
    return None


def _batch(fields: Mapping[str, Any]) -> str | None:
    """The id of the batch that a prediction is a row of; None where it is the only one of its request."""
    if "row" not in fields:
        return None
    return str(fields["prediction_id"]).removesuffix(f"-{fields['row']}")


def _request(start: int, end: int, fields: Mapping[str, Any]) -> Request:
    return Request(range(start, end), fields["time"])


def _id(store: Findable, request: Request) -> str:
    """What we called a request: its batch, or the one prediction of it that is meant."""
    fields = _fields(store, request.places[0])
    return (_batch(fields) if len(request.places) > 1 else None) or str(fields["prediction_id"])


def _caller(store: Findable, request: Request) -> str:
    payload = store.entry(request.places[0]).payload
    if payload is None:
        return "a caller whose name is erased"
    return json.loads(payload).get("caller") or "a caller without a name"


def _fields(store: Findable, place: int) -> Mapping[str, Any]:
    # Whether a leaf is as it must be is looked at when it is traced.
    fields: Mapping[str, Any] = json.loads(store.entry(place).leaf)
    return fields


def _type(store: Findable, place: int) -> Any:
    return _fields(store, place)["type"]
