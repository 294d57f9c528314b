"""Write lines from a thread, many at once, so that whoever has a line to write never waits for the output.

What cannot be written is counted, and told in one line as soon as something can be written again. What waits at most
is bounded: an output that is blocked for good costs some memory and lines, not the service.
"""

from __future__ import annotations

import logging
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

FLUSH_SECONDS: Final = 0.25
# Each wake of the thread takes the interpreter from the one that answers requests, so it comes for many lines.
FLUSH_BYTES: Final = 256 * 1024
LINES_AT_ONCE: Final = 1_000
LINES_WAITING: Final = 50_000
STOP_WITHIN_SECONDS: Final = 2.0


class Output(Protocol):
    """Where lines end up. It may take its time."""

    def write(self, lines: Sequence[str]) -> int:
        """Write lines, each with its line feed, and say how many could not be written."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class LineWriter:
    """Takes lines from one thread and writes them, in order, from another one.

    `lost_line` makes the line that tells how many were lost.
    """

    def __init__(self, output: Output, *, lost_line: Callable[[int], str]) -> None:
        self._output = output
        self._lost_line = lost_line
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._refused = 0  # by the thread that adds
        self._under_way = self._failed = self._told = 0  # by the thread that writes
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="vouchml-line-writer", daemon=True)

    def start(self) -> None:
        """Begin to write what waits and what comes."""
        self._thread.start()

    def add(self, line: str) -> None:
        """Have `line`, which ends with a line feed, written within `FLUSH_SECONDS`."""
        if len(self._waiting) >= LINES_WAITING:
            self._refused += 1
            return
        self._waiting.append(line)
        self._bytes += len(line)
        if self._bytes >= FLUSH_BYTES:
            self._bytes = 0
            self._wake.set()

    def stop(self) -> int:
        """Write what waits, and say how many lines were not written, and not told to be lost either.

        An output that is blocked is left after `STOP_WITHIN_SECONDS`; some of the lines under way may be out by then.
        """
        self._stopping = True
        self._wake.set()
        self._thread.join(STOP_WITHIN_SECONDS)
        return len(self._waiting) + self._under_way + self._refused + self._failed - self._told

    def _run(self) -> None:
        ending = False
        while not ending:
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            ending = self._stopping  # looked at before the last lines are, so that none comes in between
            self._write_all()
        self._output.close()

    def _write_all(self) -> None:
        waiting = self._waiting
        while waiting:
            lines = [waiting.popleft() for _ in range(min(len(waiting), LINES_AT_ONCE))]
            self._under_way = len(lines)
            self._failed += self._output.write(lines)
            self._under_way = 0
        lost = self._refused + self._failed
        if lost > self._told and not self._output.write([self._lost_line(lost - self._told)]):
            self._told = lost


class DescriptorOutput:
    """Writes to a file, pipe, terminal or socket by its number, of which it keeps a duplicate.

    Several workers may have the same pipe. Only writes of up to `PIPE_BUF` bytes are never mixed there (POSIX,
    write(2)), so lines go into a pipe in pieces of that size, and elsewhere many at once.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        mode = os.fstat(descriptor).st_mode
        self._longest = select.PIPE_BUF if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else FLUSH_BYTES
        self._torn = False

    def write(self, lines: Sequence[str]) -> int:
        """Write lines; what an error stops is given up, and the next line begins on a new one."""
        content = ("\n" if self._torn else "").encode() + "".join(lines).encode()
        start = 0
        while start < len(content):
            try:
                start += os.write(self._descriptor, content[start : self._end(content, start)])
            except BlockingIOError:
                self._wait_for_room()
            except OSError:
                break
        self._torn = content[start - 1 : start] != b"\n" if start else self._torn
        return content.count(b"\n", start) if start else len(lines)

    def close(self) -> None:
        """Close the duplicate."""
        os.close(self._descriptor)

    def _end(self, content: bytes, start: int) -> int:
        """The end of the last line that fits into one piece; of the first one if that is too long itself."""
        if len(content) - start <= self._longest:
            return len(content)
        end = content.rfind(b"\n", start, start + self._longest)
        return (end if end >= 0 else content.index(b"\n", start)) + 1

    def _wait_for_room(self) -> None:
        # Somebody who shares the pipe has made it non-blocking.
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        poll.poll()


class LoggerOutput:
    """Hands each line to the handlers of a logger that somebody has configured."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def write(self, lines: Sequence[str]) -> int:
        """Log each line; a handler sees to its own errors."""
        for line in lines:
            self._logger.info("%s", line.removesuffix("\n"))
        return 0

    def close(self) -> None:
        """The handlers are not ours."""
