"""When the head of a ledger is signed: after so many records, after so many seconds, and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.tree import CompactRange


class CheckpointSchedule:
    """The checkpoints of one writer. Without a key there are none.

    Every worker has a schedule of its own, and all write into one ledger: at worst a few checkpoints are too many.
    """

    def __init__(
        self,
        origin: str,
        key: SignerKey | None,
        *,
        signed_size: int,
        records: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._origin = origin
        self._key = key
        self._signed_size = signed_size
        self._size = signed_size
        self._records = records
        self._seconds = seconds
        self._clock = clock
        self._waiting_since: float | None = None

    @property
    def signs(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def due(self, head: CompactRange) -> str | None:
        """A checkpoint of `head` when it is time for one."""
        self._size = head.size
        if self._waiting_since is None and head.size > self._signed_size:
            self._waiting_since = self._clock()
        is_time = head.size - self._signed_size >= self._records or self.is_late()
        return self.final(head) if is_time else None

    def final(self, head: CompactRange) -> str | None:
        """A checkpoint of `head` unless it has one."""
        if self._key is None or head.size <= self._signed_size:
            return None
        self._signed_size = head.size
        self._waiting_since = None
        return sign(Checkpoint.of(self._origin, head, time=datetime.now(UTC)), self._key)

    def is_late(self) -> bool:
        """Whether records have waited long enough for a checkpoint that no later record has brought."""
        return (
            self._key is not None
            and self._waiting_since is not None
            and self._clock() - self._waiting_since >= self._seconds
        )
