"""One exchange: read the body, let the door answer the call, and count and log what came of it.

The service and FastAPI's routes both end here, so they answer the same bytes.
"""

from __future__ import annotations

import os
from time import perf_counter

from vouchml.errors import ServiceFailed, VouchError
from vouchml.serving.body import Receive, read_body
from vouchml.serving.doors.base import Call, Door
from vouchml.serving.metrics import WorkerMetrics
from vouchml.serving.reply import Reply
from vouchml.serving.request_log import RequestLog

_IDS_AT_ONCE = 512


class Exchange:
    """Runs calls through doors. One object a worker, used from one thread."""

    def __init__(self, metrics: WorkerMetrics, log: RequestLog, *, body_seconds: float) -> None:
        self._metrics = metrics
        self._log = log
        self._body_seconds = body_seconds
        self._ids: list[str] = []
        self.in_flight = metrics.in_flight

    def new_id(self) -> str:
        """128 random bits that no one can foresee, as 32 hexadecimal characters."""
        ids = self._ids
        if not ids:
            # One call of the system for many: alone it would cost more than scoring a row.
            text = os.urandom(16 * _IDS_AT_ONCE).hex()
            ids.extend([text[start : start + 32] for start in range(0, len(text), 32)])
        return ids.pop()

    async def run(self, door: Door, call: Call, receive: Receive) -> Reply:
        """The reply of `door` to `call`; a failure of ours is a reply too, without its reason."""
        began = perf_counter()
        try:
            door.check_headers(call.headers)
            call.body = await read_body(call.headers, receive, limit=door.longest_body, seconds=self._body_seconds)
            reply = await door.answer(call)
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
        self._metrics.request(door.name, reply.status, perf_counter() - began)
        return reply

    def note_refusal(self, door: str, error: VouchError, call: Call, reply: Reply, seconds: float) -> None:
        """Count and log a call that was refused."""
        self._metrics.request(door, reply.status, seconds)
        self._metrics.refusal(error.code)
        self._log.refusal(
            request_id=call.request_id, door=door, status=reply.status, code=error.code, caller=call.caller
        )
