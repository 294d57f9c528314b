"""End connections that have stalled: whose request does not come, or whose last answer is not fetched.

uvicorn waits for ever for the first request of a connection, for the rest of the headers of any, and for a caller to
read what was sent before the connection is closed. Whoever opens connections and stays silent would use up the
descriptors of the process.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from contextlib import suppress
from typing import Any, Final

import uvicorn

from vouchml.serving.host_server import connections

_LOOKS: Final = 4


class StalledConnections:
    """Ends a connection that has stalled for `seconds`, a quarter more at most.

    While a request is under way its door sees to the time. Between two requests uvicorn does: `timeout_keep_alive`.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Any, tuple[Any, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop, server: uvicorn.Server | None) -> None:
        """Look at the connections of `server` from now on, if there is one that shows them."""
        if server is not None:
            self._look(loop, server)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop, server: uvicorn.Server) -> None:
        now = loop.time()
        since: dict[Any, tuple[Any, float]] = {}
        for connection in connections(server):
            if not _may_stall(connection):
                continue
            # Another request since the last look, or a byte that was fetched, is progress.
            progress = (connection.cycle, _unfetched(connection.transport))
            before, began = self._since.get(connection, (progress, now))
            began = began if before == progress else now
            if now - began >= self._seconds:
                connection.transport.abort()
            else:
                since[connection] = (progress, began)
        self._since = since
        self._timer = loop.call_later(self._seconds / _LOOKS, self._look, loop, server)


def _may_stall(connection: Any) -> bool:
    """Whether it is in no request, and either not between two or closing already."""
    cycle = connection.cycle
    if cycle is not None and not cycle.response_complete:
        return False
    return connection.timeout_keep_alive_task is None or bool(connection.transport.is_closing())


def _unfetched(transport: Any) -> int:
    """The bytes that the caller has not acknowledged: here, and in the system, which may hold megabytes."""
    here = int(transport.get_write_buffer_size())
    if not here:
        return 0
    with suppress(OSError, ValueError):  # it is closed by now, or no socket of a kind that can tell
        told = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        return here + int(struct.unpack("=i", told)[0])
    return here
