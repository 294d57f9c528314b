"""One exchange: read the body, let the door answer the call, and let the answer go when its record is on disk.

The service and FastAPI's routes both end here, so they answer the same bytes, and none without a record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final, Protocol

from vouchml.errors import ServiceFailed, VouchError
from vouchml.ledger.record import Record
from vouchml.ledger.refusals import Refusal
from vouchml.serving.body import Receive, read_body
from vouchml.serving.doors.base import Call, Door
from vouchml.serving.held_bytes import SHORT_BODY, HeldBytes
from vouchml.serving.metrics import WorkerMetrics
from vouchml.serving.reply import Header, Reply
from vouchml.serving.request_log import RequestLog
from vouchml.serving.row_budget import RowBudget

#: Of an answer that left without a record, where `[ledger] on_failure` is "serve".
UNRECORDED: Final[Header] = (b"x-vouch-recorded", b"no")


class Ledger(Protocol):
    """Where answers are recorded before they leave."""

    def enlist(self, records: Sequence[Record]) -> Awaitable[bool]:
        """Have `records` written; True when they are on disk, False when they may be answered unrecorded.

        Raises:
            LedgerUnavailable: they cannot be written.
        """
        ...

    def refused(self, refusal: Refusal) -> None:
        """Count a refused request."""
        ...


class Exchange:
    """Runs calls through doors. One object a worker, used from one thread."""

    def __init__(
        self,
        metrics: WorkerMetrics,
        log: RequestLog,
        ledger: Ledger | None,
        flags: Callable[[], tuple[Header, ...]],
        budget: RowBudget,
        *,
        held: HeldBytes,
        body_seconds: float,
    ) -> None:
        self._metrics = metrics
        self._log = log
        self._ledger = ledger
        self._flags = flags
        self._budget = budget
        self._held = held
        self._body_seconds = body_seconds
        self.in_flight = metrics.in_flight

    async def run(self, door: Door, call: Call, receive: Receive) -> Reply:
        """The reply of `door` to `call`; a failure of ours is a reply too, without its reason."""
        began = perf_counter()
        try:
            door.check_headers(call.headers)
            call.body = await read_body(
                call.headers, receive, limit=door.longest_body, seconds=self._body_seconds, held=self._held
            )
            reply = await door.answer(call)
            if self._ledger is not None and not await self._ledger.enlist(_records(call)):
                reply = reply._replace(headers=(*reply.headers, UNRECORDED))
            if flags := self._flags():
                reply = reply._replace(headers=(*reply.headers, *flags))
        except VouchError as error:
            reply = door.refuse(error, call)
            self.note_refusal(door.name, error, call, reply, perf_counter() - began)
            return reply
        # Nothing of what a library raises may reach the caller; the log has all of it.
        except Exception as error:  # noqa: BLE001
            self._log.failure(error, request_id=call.request_id)
            failed = ServiceFailed()
            reply = door.refuse(failed, call)
            self.note_refusal(door.name, failed, call, reply, perf_counter() - began)
            return reply
        finally:  # also of a caller that has gone
            if call.rows_under_way:
                self._budget.give_back(call)
            if len(call.body) > SHORT_BODY:
                self._held.give_back(len(call.body))
        self._metrics.request(door.name, reply.status, perf_counter() - began)
        return reply

    def note_refusal(self, door: str, error: VouchError, call: Call, reply: Reply, seconds: float) -> None:
        """Count and log a call that was refused."""
        self._metrics.request(door, reply.status, seconds)
        self._metrics.refusal(error.code)
        if self._ledger is not None:
            self._ledger.refused(Refusal(door, error.code, reply.status))
        self._log.refusal(
            request_id=call.request_id, door=door, status=reply.status, code=error.code, caller=call.caller
        )


def _records(call: Call) -> Sequence[Record]:
    """What the ledger has to hold of the call's answer.

    Raises:
        ServiceFailed: a door has answered and recorded nothing.
    """
    if not call.records:
        raise ServiceFailed
    return call.records
