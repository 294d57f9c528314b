"""End when the process that started this worker is gone, even by SIGKILL: nobody else would ever stop it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from multiprocessing import parent_process


def end_with_parent(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Ask this process to end, as SIGTERM does, once its parent is gone; the answer stops watching.

    A process that `multiprocessing` has not started, such as a service of one worker, has nobody to follow.
    """
    parent = parent_process()
    if parent is None:
        return lambda: None
    sentinel = parent.sentinel

    def end() -> None:
        loop.remove_reader(sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(sentinel, end)
    return lambda: _forget(loop, sentinel)


def _forget(loop: asyncio.AbstractEventLoop, sentinel: int) -> None:
    loop.remove_reader(sentinel)
