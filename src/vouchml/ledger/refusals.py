"""Records of refused requests: how many for which reason, never what they said.

Anybody can have a request refused, so one record each would let anybody fill the disk. They are counted for a second
and recorded together.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from vouchml.ledger.record import Record, RecordType, event, time_text

GATHER_SECONDS: Final = 1.0


class Refusal(NamedTuple):
    """What is told of a refused request."""

    door: str
    code: str
    status: int


class RefusalCounts:
    """Counts refusals on the event loop; `record` takes what a second came to.

    As long as `can_record` says no, the counts go on.
    """

    def __init__(self, record: Callable[[Record], None], can_record: Callable[[], bool], *, worker: str) -> None:
        self._record = record
        self._can_record = can_record
        self._worker = worker
        self._counts: Counter[Refusal] = Counter()
        self._since = ""
        self._timer: asyncio.TimerHandle | None = None

    def count(self, refusal: Refusal) -> None:
        """A request was refused."""
        self._counts[refusal] += 1
        if self._timer is None:
            self._since = time_text(datetime.now(UTC))
            self._arm()

    def flush(self) -> None:
        """Record what was counted so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._counts:
            counts = [{**refusal._asdict(), "count": count} for refusal, count in sorted(self._counts.items())]
            self._counts.clear()
            fields = {"counts": counts, "since": self._since, "worker": self._worker}
            self._record(event(RecordType.REFUSAL, fields, time=datetime.now(UTC)))

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._when_gathered)

    def _when_gathered(self) -> None:
        if self._can_record():
            self.flush()
        else:
            self._arm()
