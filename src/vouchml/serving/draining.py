"""End without losing a request: for a while after SIGTERM a worker goes on answering, and says that it will not.

Balancers see `/health/ready` turn to 503, and each answer closes its connection, so that no request is on its way to
a connection when the server closes it. Then the server ends as it always does.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class Draining:
    """Whether this worker is about to end."""

    def __init__(self, seconds: float) -> None:
        self.begun = False
        self._seconds = seconds
        self._original: Any = None

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Come before the server's own handler of SIGTERM, if this thread is the one that handles signals."""
        if threading.current_thread() is not threading.main_thread():
            return
        original = signal.getsignal(signal.SIGTERM)
        if not callable(original):
            return
        self._original = original
        signal.signal(signal.SIGTERM, self._handler(loop, original))

    def remove(self) -> None:
        """Give the server its handler back."""
        if self._original is not None:
            signal.signal(signal.SIGTERM, self._original)
            self._original = None

    def _handler(
        self, loop: asyncio.AbstractEventLoop, original: Callable[[int, FrameType | None], Any]
    ) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            if self.begun:  # asked twice: at once
                original(number, frame)
                return
            self.begun = True
            loop.call_soon_threadsafe(loop.call_later, self._seconds, original, number, None)

        return handle
