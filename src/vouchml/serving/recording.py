"""Write down what a door is about to answer: the counters, the log line, and the record for the ledger.

The record goes into the call; `Exchange` lets the answer leave when it is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from vouchml.ledger.prediction import Asked, PredictionRecords
from vouchml.serving.data_plane import ScoredRows
from vouchml.serving.doors.base import Call
from vouchml.serving.following.served_model import Arm, ServedModel
from vouchml.serving.metrics import WorkerMetrics
from vouchml.serving.request_log import RequestLog

_LONG_BATCH: Final = 64
_MAKERS_KEPT: Final = 8


class Recording:
    """Records the answers of one worker. `keeps_ledger`: whether there is a ledger to take the records."""

    def __init__(
        self, metrics: WorkerMetrics, log: RequestLog, new_id: Callable[[], str], *, worker: str, keeps_ledger: bool
    ) -> None:
        self.metrics: Final = metrics
        self._log = log
        self._new_id = new_id
        self._worker = worker
        self._keeps_ledger = keeps_ledger
        self._makers: dict[tuple[ServedModel, Arm], PredictionRecords] = {}

    def one(
        self,
        door: str,
        call: Call,
        served: ServedModel,
        arm: Arm,
        row: NDArray[np.float64],
        probability: float,
        outside: Sequence[str],
    ) -> str:
        """Record the answer to one row, shape (features,); the prediction's id."""
        prediction_id = self._own_id(call)
        self.metrics.rows(door, 1)
        self._log.prediction(request_id=call.request_id, prediction_id=prediction_id, served=served, caller=call.caller)
        if self._keeps_ledger:
            asked = Asked(door, call.caller, call.request_id, prediction_id)
            call.records = (self._maker(served, arm).one(asked, row, probability, outside),)
        return prediction_id

    async def many(self, door: str, call: Call, scored: ScoredRows, rows: NDArray[np.float64]) -> str:
        """Record the answers to several rows, shape (rows, features); what the ids of their predictions begin with."""
        batch_id = self._own_id(call)
        self.metrics.rows(door, len(rows))
        self._log.batch(
            request_id=call.request_id, batch_id=batch_id, rows=len(rows), served=scored.served, caller=call.caller
        )
        if self._keeps_ledger:
            asked = Asked(door, call.caller, call.request_id, batch_id)
            maker = self._maker(scored.served, scored.arm)
            if len(rows) < _LONG_BATCH:
                call.records = maker.many(asked, rows, scored.probabilities, _named_outside(scored, rows))
            else:
                call.records = await anyio.to_thread.run_sync(
                    lambda: maker.many(asked, rows, scored.probabilities, _named_outside(scored, rows))
                )
        return batch_id

    def _own_id(self, call: Call) -> str:
        """An id that no one can foresee, unlike a name that the caller chose: that of the request, if we made it."""
        return self._new_id() if call.is_named else call.request_id

    def _maker(self, served: ServedModel, arm: Arm) -> PredictionRecords:
        maker = self._makers.get((served, arm))
        if maker is None:
            if len(self._makers) >= _MAKERS_KEPT:
                self._makers.clear()
            maker = PredictionRecords(served.subject, served.contract, role=arm, worker=self._worker)
            self._makers[served, arm] = maker
        return maker


def _named_outside(scored: ScoredRows, rows: NDArray[np.float64]) -> list[Sequence[str]] | None:
    """The features of each row that lie outside their range of training."""
    if scored.outside is None:
        return None
    ranges = scored.served.decoder.ranges
    return [ranges.outside(row) if count else () for row, count in zip(rows, scored.outside, strict=True)]
