"""Let this process have as many connections open as the system allows it."""

from __future__ import annotations

import resource
from contextlib import suppress


def allow_many_connections() -> None:
    """Raise the limit of open files to the highest that this process may choose.

    Many systems begin with 1024, for the sake of programs that use `select`; neither uvicorn nor uvloop does. Workers
    that are started afterwards have the limit too.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS calls it unlimited, and refuses that
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
