"""Run a command to its end, and know how long each step that it named on standard error took."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STEP_END: Final = " …"
BEFORE_THE_FIRST_STEP: Final = "Starting"


@dataclass(frozen=True)
class Timed:
    """Seconds of the whole process, and of each step in the order in which they came; the steps add up to it."""

    seconds: float
    steps: dict[str, float]


def timed(command: Sequence[str], *, cwd: Path) -> Timed:
    """Run `command` with MLflow's telemetry off; what it prints is read as a pipe would read it.

    Raises:
        RuntimeError: the command failed; with what it wrote to standard error.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VOUCH_", "MLFLOW_"))}
    written: list[str] = []
    began = at = time.perf_counter()
    step, steps = BEFORE_THE_FIRST_STEP, dict[str, float]()
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**environment, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUTF8": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            written.append(line)
            if line.rstrip().endswith(_STEP_END):
                now = time.perf_counter()
                steps[step], step, at = steps.get(step, 0.0) + now - at, line.rstrip().removesuffix(_STEP_END), now
    ended = time.perf_counter()
    steps[step] = steps.get(step, 0.0) + ended - at
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with {process.returncode}:\n{''.join(written)}")
    return Timed(ended - began, steps)
