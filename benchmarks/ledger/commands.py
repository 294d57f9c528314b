"""What the commands cost that read the ledger, each in a process of its own."""

from __future__ import annotations

import json
import random
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.ledger.grown import GrownLedger
from benchmarks.ledger.results import Command, Verified
from benchmarks.serving.machine import bench_environment
from vouchml.settings import Settings

ASKED: Final = 10
NAMES: Final = ("receipt", "trace")
_VOUCH: Final = (sys.executable, "-c", "from vouchml.cli.main import main; main()")


@dataclass(frozen=True)
class _Ended:
    """A command that ended by itself: its seconds, of processor and on the wall, and what it printed."""

    processor: float
    elapsed: float
    printed: str


def measure_commands(grown: GrownLedger, small: GrownLedger) -> tuple[Command, ...]:
    """`vouch receipt` and `vouch trace` of random records, in turn with the same in a ledger of hardly any records."""
    return tuple(_measure(name, grown, small) for name in NAMES)


def _measure(name: str, *ledgers: GrownLedger) -> Command:
    processor: list[list[float]] = [[] for _ in ledgers]
    for _ in range(ASKED):
        for ledger, times in zip(ledgers, processor, strict=True):
            times.append(_vouch(ledger.settings, name, random.choice(ledger.request_ids)).processor)
    grown, small = (statistics.median(times) * 1e3 for times in processor)
    return Command(f"vouch {name}", grown, small)


def measure_verifying(ledger: GrownLedger) -> Verified:
    """`vouch ledger verify` of all of it. It has as many processes as there are cores: this process has one."""
    ended = _vouch(ledger.settings, "ledger", "verify", "--quiet", "--json")
    found = json.loads(ended.printed)
    return Verified(found["size"], ended.processor, ended.elapsed, found["outcome"])


def _vouch(settings: Settings, *arguments: str) -> _Ended:
    began, before = time.perf_counter(), _processor_of_children()
    done = subprocess.run(
        [*_VOUCH, *arguments],
        cwd=settings.root,
        env=bench_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
        encoding="utf-8",
    )
    if done.returncode and not done.stdout:  # a verification that finds something says what, and ends with 1 or 2
        raise SystemExit(f"vouch {' '.join(arguments)} ended with {done.returncode}.")
    return _Ended(_processor_of_children() - before, time.perf_counter() - began, done.stdout)


def _processor_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
