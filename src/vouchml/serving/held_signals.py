"""Hold signals back from a process that is being started, until it can answer them.

A terminal and a supervisor signal a whole group of processes, so also one that has only begun to start: Python answers
SIGINT there with a stack trace, and SIGTERM not at all. A process inherits what is held back from the thread that
starts it. What came meanwhile waits, and arrives when it is let through.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back(*numbers: signal.Signals) -> Iterator[None]:
    """Hold these signals back from this thread, and from the processes that it starts meanwhile."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_through(*numbers: signal.Signals) -> None:
    """Let these signals reach this process, as one that was started while they were held back wants it in the end."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
