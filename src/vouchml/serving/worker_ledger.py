"""The ledger of one worker: answers, refusals, loads, and its own start and stop."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from vouchml import __version__
from vouchml.canonical_json import canonical_json
from vouchml.errors import LedgerUnavailable
from vouchml.ledger.anchors import AnchorStates
from vouchml.ledger.open import open_for_writing
from vouchml.ledger.record import RecordType, event
from vouchml.ledger.refusals import Refusal, RefusalCounts
from vouchml.ledger.writer import LedgerWriter, WriterState
from vouchml.serving.following.served_model import ServedModel
from vouchml.serving.following.state import Assignment
from vouchml.serving.logs import SERVING, log_event
from vouchml.serving.metrics import WorkerMetrics
from vouchml.settings import Settings

NO_LEDGER: Final = "This service keeps no ledger ([ledger] url is empty): no answer can be traced or proved."

NO_KEY: Final = "No key signs the head of the ledger here, so it proves nothing to others: vouch keys init"


def worker_name() -> str:
    """What the ledger calls this process: its host and its number there."""
    return f"{socket.gethostname()[:64]}:{os.getpid()}"


def settings_digest(settings: Settings) -> str:
    """SHA-256 of the settings as canonical JSON, secrets masked, 64 hexadecimal characters."""
    return hashlib.sha256(canonical_json(settings.model_dump(mode="json"))).hexdigest()


def worker_ledger(settings: Settings, metrics: WorkerMetrics, *, worker: str) -> WorkerLedger | None:
    """The ledger that the settings name; None when they name none."""
    if not settings.ledger.url:
        log_event(SERVING, "no-ledger", level=logging.WARNING, message=NO_LEDGER)
        return None
    told = ""

    def tell(error: LedgerUnavailable) -> None:
        nonlocal told
        metrics.ledger_failed()
        if error.message != told:
            told = error.message
            log_event(SERVING, "ledger-unavailable", level=logging.ERROR, message=error.diagnostics())

    def committed(records: int, seconds: float) -> None:
        nonlocal told
        told = ""
        metrics.ledger_commit(records, seconds)

    writer = LedgerWriter(
        lambda: open_for_writing(settings),
        worker=worker,
        serves_unrecorded=settings.ledger.on_failure == "serve",
        on_commit=committed,
        on_failure=tell,
    )
    return WorkerLedger(writer, AnchorStates(settings), worker=worker, settings_digest=settings_digest(settings))


class WorkerLedger:
    """Hands what happens in a worker to the ledger's writer, on the event loop; loads come from another thread."""

    def __init__(self, writer: LedgerWriter, anchors: AnchorStates, *, worker: str, settings_digest: str) -> None:
        self._anchors = anchors
        self._settings_digest = settings_digest
        self._writer = writer
        self._worker = worker
        self._refusals = RefusalCounts(writer.note, lambda: not writer.state.problem, worker=worker)
        self.enlist = writer.enlist

    @property
    def refuses(self) -> bool:
        """Whether predictions are refused now, since they cannot be recorded."""
        return bool(self._writer.state.problem) and not self._writer.serves_unrecorded

    def warnings(self) -> tuple[str, ...]:
        """What an operator should look at."""
        return (*(() if self._writer.state.is_signed else (NO_KEY,)), *self._anchors.warnings())

    @property
    def state(self) -> WriterState:
        """How the ledger is."""
        return self._writer.state

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the ledger, and record that the worker has started."""
        self._note(RecordType.START, {"settings": self._settings_digest, "vouchml": __version__})
        self._writer.start(loop)

    def flush(self) -> None:
        """Record what was refused so far. Called on the event loop, before `stop`."""
        self._refusals.flush()

    def stop(self) -> None:
        """Record that the worker stops, and wait until all is on disk and signed."""
        self._note(RecordType.STOP, {})
        self._writer.stop()

    def refused(self, refusal: Refusal) -> None:
        """Count a refused request."""
        self._refusals.count(refusal)

    def loaded(self, role: str, served: ServedModel) -> None:
        """A version was loaded, and answers from now on."""
        self._note(RecordType.MODEL_LOADED, {"role": role, "served": served.subject.to_dict()})

    def refused_version(self, role: str, assignment: Assignment, reason: str) -> None:
        """A version was not loaded."""
        version = {"name": assignment.name, "version": assignment.version, "model": assignment.digest}
        fields = {**version, "reason": reason, "role": role}
        self._note(RecordType.ADMISSION_REFUSED, fields)

    def _note(self, kind: RecordType, fields: Mapping[str, Any]) -> None:
        self._writer.note(event(kind, {**fields, "worker": self._worker}, time=datetime.now(UTC)))
