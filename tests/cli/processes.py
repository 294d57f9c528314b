"""Run `vouch` as real processes, and know what is left of them."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.started import STARTED

ROWS = 60


def clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VOUCH_", "MLFLOW_"))}
    # As in an activated environment.
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PYTHONUTF8": "1", "PATH": path}


def run(*arguments: str, cwd: Path, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `vouch` to its end."""
    return _run(arguments, cwd, environment, input=text)


def run_at_terminal(*arguments: str, cwd: Path, answer: str) -> subprocess.CompletedProcess[str]:
    """Run `vouch` to its end, with a terminal as its standard input at which somebody types `answer`."""
    person, terminal = pty.openpty()
    try:
        os.write(person, answer.encode())
        return _run(arguments, cwd, {}, stdin=terminal)
    finally:
        os.close(person)
        os.close(terminal)


def _run(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], **standard_input: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vouchml.cli.main", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        env={**clean_environment(), **environment},
        check=False,
        **standard_input,
    )


def free_ports(count: int = 2) -> list[int]:
    listeners = [socket.socket() for _ in range(count)]
    for listener in listeners:
        listener.bind(("127.0.0.1", 0))
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def write_table(path: Path) -> Path:
    """A table that a classifier can learn, with names that need care."""
    lines = ['id,"size, in cm",größe,note,"is it ""so""?"']
    for i in range(ROWS):
        positive = (i * 7) % 10 < 5
        lines.append(f"{1000 + i},{(i * 37) % 101 / 10},{i % 13 + 20 * positive},word,{'yes' if positive else 'no'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass
class Project:
    """A folder with a `vouch.toml` made by `vouch init`."""

    folder: Path
    port: int
    mlflow_port: int

    def vouch(self, *arguments: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return run(*arguments, cwd=self.folder, text=text, **environment)

    def start(self, *arguments: str) -> Running:
        process = STARTED.start(
            [sys.executable, "-m", "vouchml.cli.main", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=clean_environment(),
        )
        return Running(process, self.folder)


@dataclass
class Running:
    """`vouch up`, while it runs."""

    process: subprocess.Popen[str]
    folder: Path
    notes: list[str] = field(default_factory=list)

    def until(self, words: str) -> None:
        """Read what it says until it says `words`."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.notes.append(line)
            if words in line:
                return
        output, _ = self.process.communicate()
        raise AssertionError(f"it never said {words!r}:\n{output}{''.join(self.notes)}")

    def child(self, words: str) -> int:
        """The process below it whose command contains `words`."""
        return next(pid for pid in descendants(self.process.pid) if words in command_of(pid))

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal, wait for the end, and see that nothing is left of what it started."""
        below = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(number)
        output, notes = self.process.communicate(timeout=30)
        wait_for_the_end_of(below)
        STARTED.end(self.process.pid)
        return self.process.returncode, output, "".join(self.notes) + notes


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, the nearest first."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(status.parent.name))
    found = list(parents.get(pid, []))
    for child in found:
        found.extend(parents.get(child, []))
    return found


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def wait_for_the_end_of(pids: list[int], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if command_of(pid)]:  # a zombie has no command
        assert time.monotonic() < deadline, f"still there: {[command_of(pid) for pid in left]}"
        time.sleep(0.05)
