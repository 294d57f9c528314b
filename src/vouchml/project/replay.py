"""Score the recorded inputs again, with the recorded versions, and demand the same probability to the last bit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from vouchml.errors import VouchError
from vouchml.ledger.payload import PredictionPayload, read_payload
from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import LedgerStore
from vouchml.project.recorded_versions import RecordedVersions


class Difference(NamedTuple):
    """A prediction that does not come out as it was recorded."""

    number: int
    prediction_id: str
    version: str
    recorded: float
    replayed: float


@dataclass(slots=True)
class Replay:
    """What came of a replay. `unavailable` counts predictions by the reason why their version cannot be loaded."""

    equal: int = 0
    erased: int = 0
    differences: list[Difference] = field(default_factory=list)
    unavailable: Counter[str] = field(default_factory=Counter)

    @property
    def exit_status(self) -> int:
        """0 all equal, 1 one differs, 2 some could not be scored."""
        return 1 if self.differences else 2 if self.unavailable else 0


class _Recorded(NamedTuple):
    number: int
    leaf: Mapping[str, Any]
    payload: PredictionPayload


def replay(
    store: LedgerStore,
    versions: RecordedVersions,
    *,
    since: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Replay:
    """Score all predictions from the time `since` on, as leaves have it. Erased ones are counted.

    The rows of one request are scored together, as they were.

    Raises:
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read.
    """
    result = Replay()
    for request in _requests(_predictions(store, since, result, progress)):
        try:
            scorer = versions.scorer(request[0].leaf["served"])
        except VouchError as error:
            result.unavailable[f"Version {request[0].leaf['served']['version']}: {error.message}"] += len(request)
            continue
        inputs = [recorded.payload.inputs for recorded in request]
        if "row" in request[0].leaf:
            probabilities = scorer.positive_probability(np.stack(inputs)).tolist()
        else:
            probabilities = [scorer.positive_probability_of_one(inputs[0])]
        for recorded, probability in zip(request, probabilities, strict=True):
            _compare(recorded, float(probability), result)
    return result


def _compare(recorded: _Recorded, probability: float, result: Replay) -> None:
    said = recorded.payload.probability
    # Equal numbers other than zeros have equal bits, and a probability is no NaN.
    if said == probability:
        result.equal += 1
    else:
        leaf = recorded.leaf
        version = leaf["served"]["version"]
        result.differences.append(Difference(recorded.number, leaf["prediction_id"], version, said, probability))


def _predictions(
    store: LedgerStore, since: str | None, result: Replay, progress: Callable[[int, int], None]
) -> Iterator[_Recorded]:
    size = store.head().size
    for entry in store.entries(0, size):
        progress(entry.index + 1, size)
        leaf = json.loads(entry.leaf)
        if leaf["type"] != RecordType.PREDICTION or (since is not None and leaf["time"] < since):
            continue
        if entry.payload is None:
            result.erased += 1
            continue
        yield _Recorded(entry.index, leaf, read_payload(entry.payload))


def _requests(predictions: Iterator[_Recorded]) -> Iterator[Sequence[_Recorded]]:
    """The predictions of each request together; its rows stand beside each other in the log."""
    rows: list[_Recorded] = []
    for recorded in predictions:
        if rows and (_batch(recorded) is None or _batch(recorded) != _batch(rows[0])):
            yield rows
            rows = []
        rows.append(recorded)
    if rows:
        yield rows


def _batch(recorded: _Recorded) -> str | None:
    row = recorded.leaf.get("row")
    return None if row is None else str(recorded.leaf["prediction_id"]).removesuffix(f"-{row}")
