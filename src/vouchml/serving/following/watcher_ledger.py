"""What the watcher has to record: versions that it did not let in, or would not any more."""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import UTC, datetime

from vouchml.errors import VouchError
from vouchml.ledger.open import open_for_writing
from vouchml.ledger.record import Record, RecordType, event
from vouchml.registry import Version
from vouchml.serving.following.state import Assignment
from vouchml.serving.logs import SERVING, log_event
from vouchml.settings import Settings

_MOST_WAITING = 1_000


class WatcherLedger:
    """Appends to the project's ledger; what cannot be written waits for the next poll."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: list[Record] = []

    def refused(self, version: Version, digest: str | None, role: str, reason: str) -> None:
        """A version was not let in; `digest` is None when its files could not be had."""
        self._note(name=version.name, number=str(version.number), digest=digest, role=role, reason=reason)

    def spoken_against(self, role: str, serving: Assignment, reason: str) -> None:
        """A version serves that would not be let in again, by what was signed since."""
        log_event(SERVING, "spoken-against", level=logging.WARNING, role=role, message=reason)
        self._note(name=serving.name, number=serving.version, digest=serving.digest, role=role, reason=reason)

    def _note(self, *, name: str, number: str, digest: str | None, role: str, reason: str) -> None:
        fields = {
            "model": digest,
            "name": name,
            "reason": reason,
            "role": role,
            "version": number,
            "worker": "watcher",
        }
        if self._settings.ledger.url and len(self._waiting) < _MOST_WAITING:
            self._waiting.append(event(RecordType.ADMISSION_REFUSED, fields, time=datetime.now(UTC)))

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        try:
            store, schedule = open_for_writing(self._settings)
            with closing(store):
                store.append(self._waiting, sign=schedule.due)
        except VouchError as error:
            log_event(SERVING, "ledger-unavailable", level=logging.ERROR, message=error.diagnostics())
        else:
            self._waiting.clear()
