"""The time that a connection may be idle between two requests, with one timer for all of them.

uvicorn sets a timer after every answer and takes it back with the next request, which costs more than scoring a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class IdleTimer:
    """Calls `end` when its connection has been idle for `seconds`, as uvicorn's timer for each request would."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, end: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._end = end
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The connection is idle from now on."""
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def cancel(self) -> None:
        """The connection is not idle any more. uvicorn calls it as it would call a timer of asyncio."""
        self._since = None

    def close(self) -> None:
        """The connection has ended."""
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return  # a request is under way; the end of its answer begins anew
        left = self._since + self._seconds - self._loop.time()
        if left > 0.0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._end()
