"""The options of `python -m benchmarks.serving`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving.contenders import CONTENDERS, Contender
from benchmarks.serving.environments import slug


@dataclass(frozen=True)
class Options:
    """What to measure, and how long."""

    contenders: tuple[Contender, ...]
    rounds: int
    seconds: float
    soak_millions: float
    quick: bool


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description="Measure the service.")
    peers = [slug(entry.name) for entry in CONTENDERS.values() if entry.kind == "peer"]
    parser.add_argument("--peers", default="all", help=f"none, all, or some of: {','.join(peers)}  [default: all]")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the contest  [default: 3]")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load in a round  [default: 5]")
    parser.add_argument(
        "--soak", type=float, default=0.0, metavar="MILLIONS", help="memory over so many million requests"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round of one second: shows that it works, writes no report"
    )
    given = parser.parse_args(arguments)
    if given.rounds < 1 or given.seconds < 1 or given.soak < 0:
        parser.error("--rounds and --seconds are at least 1, --soak at least 0")
    wanted = {"none": [], "all": peers}.get(given.peers, given.peers.split(","))
    if unknown := sorted(set(wanted) - set(peers)):
        parser.error(f"--peers: {', '.join(unknown)} is none of {', '.join(peers)}")
    return Options(
        contenders=tuple(entry for entry in CONTENDERS.values() if entry.kind != "peer" or slug(entry.name) in wanted),
        rounds=1 if given.quick else given.rounds,
        seconds=1.0 if given.quick else given.seconds,
        soak_millions=given.soak,
        quick=given.quick,
    )
