"""What tests start does not outlive them, however they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.started import STARTED, Started

from vouchml.project.guard import signal_group

REPOSITORY = Path(__file__).resolve().parents[1]
# Asked to end, it does not: as a service that takes its time.
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
LIKE_PYTEST = """
import subprocess, sys, time
from tests.started import Started
process = Started().start([sys.executable, "-c", "import time; time.sleep(600)"])
print(process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def started() -> Iterator[Started]:
    made = Started()
    yield made
    made.close()


def stubborn(started: Started) -> subprocess.Popen[str]:
    process: subprocess.Popen[str] = started.start([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_a_test_has_left_running_is_ended_and_what_was_there_before_runs_on(started: Started) -> None:
    before = stubborn(started)
    kept = started.groups
    left = stubborn(started)
    started.end_all_but(kept)

    assert left.returncode == -signal.SIGKILL
    assert not signal_group(left.pid, 0)
    assert before.poll() is None
    assert started.groups == {before.pid}


def test_what_was_started_does_not_outlive_a_program_that_is_killed() -> None:
    program = STARTED.start([sys.executable, "-c", LIKE_PYTEST], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    group = int(program.stdout.readline())
    assert signal_group(group, 0)
    program.kill()

    deadline = time.monotonic() + 30
    while signal_group(group, 0):
        assert time.monotonic() < deadline, "it runs on"
        time.sleep(0.02)
