"""End without losing a request: for a while after SIGTERM a worker goes on answering, and says that it will not.

Balancers see `/health/ready` turn to 503, and each answer closes its connection, so that no request is on its way to
a connection when the server closes it. The last of that time is for connections that were made before: where other
workers go on, for those that this one has accepted, and else for those that nobody has accepted yet. Then the server
ends as it always does.

SIGINT ends at once, also while this goes on. A second SIGTERM changes nothing: whoever stops a group of processes
sends one to each, and the one that started the workers sends them another.
"""

from __future__ import annotations

import asyncio
import signal
from multiprocessing import parent_process
from types import FrameType
from typing import Final

import uvicorn

from vouchml.serving.host_server import listening_descriptors
from vouchml.serving.listeners import turn_away, welcome
from vouchml.serving.metrics import WorkerMetrics

#: Long enough for a handshake that has begun, and for its request, from the other side of the world.
LAST_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.05


class Draining:
    """Whether this worker is about to end. `metrics` know whether the other workers of the service are, too."""

    def __init__(self, seconds: float, metrics: WorkerMetrics) -> None:
        self.begun = False
        self._seconds = seconds
        self._metrics = metrics
        self._server: uvicorn.Server | None = None

    def install(self, loop: asyncio.AbstractEventLoop, server: uvicorn.Server | None) -> None:
        """Come before the handler of SIGTERM of `server`, if there is one that this process ends with."""
        self._server = server
        if server is None:
            return
        signal.signal(signal.SIGTERM, lambda _, __: loop.call_soon_threadsafe(self._begin, loop, server))
        if parent_process() is not None:
            self._welcome(loop, server)

    def remove(self) -> None:
        """Give the server its handler back."""
        if self._server is not None:
            signal.signal(signal.SIGTERM, self._server.handle_exit)
            self._server = None

    def _welcome(self, loop: asyncio.AbstractEventLoop, server: uvicorn.Server) -> None:
        """Undo, once the server has started, what workers before this one have done to the address that all share."""
        if server.started:
            welcome(listening_descriptors(server))
        elif not server.should_exit:
            loop.call_later(_LOOK_SECONDS, self._welcome, loop, server)

    def _begin(self, loop: asyncio.AbstractEventLoop, server: uvicorn.Server) -> None:
        if self.begun:
            return
        self.begun = True
        self._metrics.ending()
        loop.call_later(self._seconds - min(LAST_SECONDS, self._seconds / 2), self._turn_away, server)
        loop.call_later(self._seconds, server.handle_exit, signal.SIGTERM, _NO_FRAME)

    def _turn_away(self, server: uvicorn.Server) -> None:
        if parent_process() is None or self._metrics.all_are_ending():
            turn_away(listening_descriptors(server))
            return
        # Workers share one listening socket: while one goes on, it must stay open for new connections. This one accepts
        # no more of them, so that who is accepted by now has the rest of the time to ask.
        for listening in server.servers:
            listening.close()


_NO_FRAME: Final[FrameType | None] = None
