"""How long the disk takes to keep what it was given: the limit of a durable answer."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

_TIMES = 300
_BYTES = 4096 + 24  # a page of SQLite's write-ahead log, with its frame header


def measure_fsync(folder: Path) -> float:
    """The median of writing a page at the end of a file and calling fdatasync, in seconds."""
    path = folder / "fsync"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    try:
        taken = []
        for _ in range(_TIMES):
            began = time.perf_counter()
            os.write(descriptor, bytes(_BYTES))
            os.fdatasync(descriptor)
            taken.append(time.perf_counter() - began)
        return median(taken)
    finally:
        os.close(descriptor)
        path.unlink()
