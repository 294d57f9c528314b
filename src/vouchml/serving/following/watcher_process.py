"""The process in which the watcher runs, so that no worker loads MLflow: `python -m` this, settings on standard input.

Every worker starts one. Of those that follow the same registry from one folder, one holds the lock and watches; the
others wait, small, before they import anything. A watcher ends when the worker that started it does: its standard
input closes, the lock is free, and another takes over.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

JITTER = 0.1
OWNER_ONLY = 0o600
LOOK_AT_BELL_SECONDS = 0.05


def main(lock: Path) -> None:
    """Wait for the lock, then watch until the starter is gone."""
    # A terminal and a supervisor signal the whole group; the end of the starter is what counts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    described = _first_line()
    threading.Thread(target=_end_with_starter, name="vouchml-end-with-starter", daemon=True).start()
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY), "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _watch(described)


def _watch(described: bytes) -> None:
    import json

    from vouchml.serving.following.anchoring import start_anchoring
    from vouchml.serving.following.state import StateFile
    from vouchml.serving.following.watcher import Watcher
    from vouchml.serving.logs import show_logs
    from vouchml.settings import Settings

    document = json.loads(described)
    settings = Settings.model_validate({**document["settings"], "root": Path(document["root"])})
    show_logs()
    start_anchoring(settings)
    watcher, file = Watcher(settings), StateFile(settings)
    while True:
        rung = file.rung()
        watcher.poll()
        seconds = settings.serving.poll_seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load
        deadline = time.monotonic() + seconds
        while file.rung() == rung and (left := deadline - time.monotonic()) > 0.0:
            time.sleep(min(LOOK_AT_BELL_SECONDS, left))


def _first_line() -> bytes:
    """One line, unbuffered: there is nothing after it but the end."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"\n", b""):
        line += byte
    return bytes(line)


def _end_with_starter() -> None:
    """End at once when standard input closes, whatever MLflow is waiting for at that moment."""
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
