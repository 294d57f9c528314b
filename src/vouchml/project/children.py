"""The programs that `vouch up` starts: each in a process group of its own, its output in a file, none left behind.

```python
with Children(logs=folder) as children:
    api = children.start("api", [sys.executable, "-m", "vouchml.cli.main", "serve"], cwd=project)
    children.check()
```
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from vouchml.errors import ChildStopped, FolderNotWritable
from vouchml.project import guard
from vouchml.project.guard import signal_group

GRACE_SECONDS = 10.0
LOG_LINES = 15


@dataclass(frozen=True, eq=False)
class Child:
    """A program that runs. Its process id is also the id of its process group."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def group(self) -> int:
        """The id of the process group: the program and what it starts."""
        return self.process.pid

    def stopped(self, what: str) -> ChildStopped:
        """The error for a child that `what`, with the end of its output."""
        lines = last_lines(self.log, LOG_LINES)
        shown = "\n".join(f"  {line}" for line in lines) or "  (it wrote nothing)"
        return ChildStopped(f"{self.name} {what}.", remedy=f"The last lines of {self.log}:\n{shown}")


@dataclass(eq=False)
class Children:
    """The programs that run, and the guard that ends them if this process is killed."""

    logs: Path
    running: list[Child] = field(default_factory=list)
    hurry: bool = False
    _guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            # `.vouch`, which the logs lie in, holds private things too.
            for folder in (self.logs.parent, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _not_writable(self.logs, error) from error
        self._guard = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE, process_group=0, bufsize=0
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()

    def start(
        self, name: str, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start `command`; what it prints goes to `name`.log.

        Raises:
            FolderNotWritable: the log cannot be written.
        """
        log = self.logs / f"{name.lower()}.log"
        try:
            out = log.open("wb")
        except OSError as error:
            raise _not_writable(log, error) from error
        with out:
            process = subprocess.Popen(  # noqa: S603 - the callers name their own programs
                list(command),
                cwd=cwd,
                # Safe path: a file of the project must not stand in for a library's module.
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        child = Child(name, process, log)
        self.running.append(child)
        self._tell_guard("+", child)
        return child

    def check(self) -> None:
        """Say so when a child has ended by itself.

        Raises:
            ChildStopped: with the last lines that it wrote.
        """
        for child in self.running:
            status = child.process.poll()
            if status is not None:
                raise child.stopped(f"stopped by itself ({_status(status)})")

    def stop(self) -> None:
        """Ask every group to end, wait, and kill what is left; at once when `hurry` is set meanwhile."""
        for child in self.running:
            signal_group(child.group, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and not self.hurry and any(_is_alive(child) for child in self.running):
            time.sleep(0.05)
        for child in self.running:
            signal_group(child.group, signal.SIGKILL)
            child.process.wait()
            self._tell_guard("-", child)
        self.running.clear()

    def _tell_guard(self, sign: str, child: Child) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.write(f"{sign}{child.group}\n".encode())


def last_lines(log: Path, count: int) -> list[str]:
    """The last `count` lines of a log that are not blank."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 64 * 1024))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]


def _is_alive(child: Child) -> bool:
    """Whether any process of the child's group is left; reaps the child itself."""
    child.process.poll()
    return signal_group(child.group, 0)


def _status(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _not_writable(path: Path, error: OSError) -> FolderNotWritable:
    return FolderNotWritable(
        f"{path} cannot be written: {error.strerror or 'no reason given'}.",
        remedy="Give yourself write permission there, or run in another folder.",
    )
