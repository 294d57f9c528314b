"""The start and the end of a worker: what begins in which order, and ends in the other one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio.to_thread

from vouchml.serving.draining import Draining
from vouchml.serving.following.follower import Follower
from vouchml.serving.host_server import host_server
from vouchml.serving.http_protocol import limit_heads
from vouchml.serving.logs import show_logs
from vouchml.serving.metrics import WorkerMetrics
from vouchml.serving.parent import end_with_parent
from vouchml.serving.request_log import RequestLog
from vouchml.serving.shadow import Shadow
from vouchml.serving.stalled_connections import StalledConnections
from vouchml.serving.worker_ledger import WorkerLedger


@dataclass(frozen=True, eq=False)
class Lifespan:
    """The parts of a worker that run beside its requests."""

    draining: Draining
    stalled: StalledConnections
    metrics: WorkerMetrics
    log: RequestLog
    ledger: WorkerLedger | None
    follower: Follower
    shadow: Shadow

    @asynccontextmanager
    async def __call__(self, _: object) -> AsyncIterator[None]:
        """Run them all as long as the app runs."""
        show_logs()
        loop, server = asyncio.get_running_loop(), host_server()
        limit_heads(server)
        self.draining.install(loop, server)
        self.stalled.start(loop, server)
        leave_parent = end_with_parent(loop)
        self.log.start()
        if self.ledger is not None:
            self.ledger.start(loop)
        self.follower.start()
        try:
            with suppress(asyncio.CancelledError):  # after a second SIGINT uvicorn does not wait for us
                yield
        finally:
            leave_parent()
            self.stalled.stop()
            self.draining.remove()
            await anyio.to_thread.run_sync(self.follower.stop)
            await anyio.to_thread.run_sync(self.shadow.stop)
            if self.ledger is not None:
                self.ledger.flush()
                await anyio.to_thread.run_sync(self.ledger.stop)
            await anyio.to_thread.run_sync(self.log.stop)
            self.metrics.close()
