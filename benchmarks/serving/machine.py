"""This machine: its cores, what it is called in the results, and the environment that programs are started in."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import vouchml

REPOSITORY = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "true"}


@dataclass(frozen=True)
class Cores:
    """One core for the server that is measured, another for what loads it."""

    server: int
    client: int


def find_cores() -> Cores:
    """The first core that this process may use for the server, the last for the client."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SystemExit("Two cores are needed: one for the server and one for what loads it.")
    return Cores(server=usable[0], client=usable[-1])


def require_tools() -> None:
    """Check for the programs that measure."""
    missing = [name for name in ("wrk", "taskset") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"{' and '.join(missing)} missing; on Debian: apt-get install wrk util-linux")


@contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """Run this process, and what it starts meanwhile, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def forget_settings_of_the_caller() -> None:
    """Remove from the environment what would change vouchml or MLflow in the programs that are started."""
    for name in list(os.environ):
        if name.startswith(("VOUCH_", "MLFLOW_")):
            del os.environ[name]


def bench_environment() -> dict[str, str]:
    """The environment of programs: vouchml and this package importable from any folder, one thread each."""
    sources = Path(vouchml.__file__).resolve().parents[1]
    path = os.pathsep.join((str(REPOSITORY), str(sources)))
    return {**os.environ, **QUIET, **ONE_THREAD, "PYTHONPATH": path}


def load_average() -> float:
    """How many programs wanted a core in the last minute; more than a few tenths make figures unsure."""
    return os.getloadavg()[0]


def describe() -> str:
    """The machine in one line, without its name."""
    cores = os.cpu_count() or 1
    return (
        f"{cores} cores, {_processor()}, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def commit() -> str:
    """The commit of the checkout, with a mark where files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
