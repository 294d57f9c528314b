"""The process in which the watcher runs, so that no worker loads MLflow: `python -m` this, settings on standard input.

Every worker starts one. Of those that follow the same registry from one folder, one holds the lock and watches; the
others wait, small, before they import anything. A watcher ends when the worker that started it does: its standard
input closes, the lock is free, and another takes over.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import signal
import sys
import time
from pathlib import Path
from typing import IO

JITTER = 0.1
LOOK_AT_BELL_SECONDS = 0.05
TRY_LOCK_SECONDS = 0.2


def main(lock: Path) -> None:
    """Wait for the lock, then watch until the starter is gone."""
    # Ctrl-C reaches the whole group of a terminal; the end of the starter is what counts.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    described = _first_line()
    with lock.open("ab") as held:
        while not _is_locked(held):
            if _starter_is_gone(TRY_LOCK_SECONDS):
                return
        _watch(described)


def _watch(described: bytes) -> None:
    import json

    from vouchml.serving.following.state import StateFile
    from vouchml.serving.following.watcher import Watcher
    from vouchml.serving.logs import show_logs
    from vouchml.settings import Settings

    document = json.loads(described)
    settings = Settings.model_validate({**document["settings"], "root": Path(document["root"])})
    show_logs()
    watcher, file = Watcher(settings), StateFile(settings)
    while True:
        rung = file.rung()
        watcher.poll()
        seconds = settings.serving.poll_seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and file.rung() == rung:
            if _starter_is_gone(min(LOOK_AT_BELL_SECONDS, max(0.0, deadline - time.monotonic()))):
                return


def _first_line() -> bytes:
    """One line, unbuffered: what comes after it must stay for `select` to see."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"\n", b""):
        line += byte
    return bytes(line)


def _is_locked(held: IO[bytes]) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _starter_is_gone(seconds: float) -> bool:
    """Wait for `seconds`, less when standard input closes."""
    readable, _, _ = select.select([0], [], [], seconds)
    return bool(readable) and not os.read(0, 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
