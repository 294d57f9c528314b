"""Programs that tests start: none outlives its test or fixture, nor pytest, whether that fails, is killed or times out.

Each runs in a process group of its own. The guard of `vouch up` ends the groups when pytest is gone.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from vouchml.project import guard


class Started:
    """What runs, by process group, and the guard over it."""

    def __init__(self) -> None:
        self._running: dict[int, subprocess.Popen[Any]] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def groups(self) -> frozenset[int]:
        """The groups that were started and not ended here; of some nothing may be left."""
        return frozenset(self._running)

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """`subprocess.Popen` with these options, in a group of its own."""
        process = subprocess.Popen(command, process_group=0, **options)
        self._running[process.pid] = process
        self._tell_guard("+", process.pid)
        return process

    def end(self, group: int) -> None:
        """Kill what is left of a group; its number may then be another's."""
        guard.signal_group(group, signal.SIGKILL)
        with self._running.pop(group):  # leaving it closes its pipes and waits for its end
            self._tell_guard("-", group)

    def end_all_but(self, kept: frozenset[int]) -> None:
        """Kill what is left of every other group."""
        for group in self.groups - kept:
            self.end(group)

    def close(self) -> None:
        """End everything, and the guard."""
        self.end_all_but(frozenset())
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None

    def _tell_guard(self, sign: str, group: int) -> None:
        if self._guard is None:
            command = [sys.executable, "-I", "-S", guard.__file__]
            self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0, bufsize=0)
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{sign}{group}\n".encode())


STARTED = Started()
