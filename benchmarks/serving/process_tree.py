"""The processes below one, and what memory they take, as Linux tells it under /proc."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.results import Memory

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process; the moment of its start tells it from a later one of the same number. Times in clock ticks."""

    pid: int
    started: int
    worked: int


def tree(pid: int) -> list[Process]:
    """The process `pid` and all below it."""
    children: dict[int, list[Process]] = {}
    root: list[Process] = []
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        process = Process(int(folder.name), started=int(fields[19]), worked=int(fields[11]) + int(fields[12]))
        children.setdefault(int(fields[1]), []).append(process)
        if process.pid == pid:
            root.append(process)
    for process in root:
        root.extend(children.get(process.pid, []))
    return root


def is_running(process: Process) -> bool:
    """Whether it is still there, and no zombie."""
    try:
        fields = (PROC / str(process.pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[19]) == process.started and fields[0] != "Z"


def memory(pid: int, before: Sequence[Process]) -> Memory:
    """The memory of `pid` and all below it; shared pages count in proportion in PSS, and wholly in RSS.

    The worker is the process that has worked most since `before`: at a start others may work more.
    """
    earlier = {process.pid: process.worked for process in before}
    sizes = [(process.worked - earlier.get(process.pid, 0), _sizes(process.pid)) for process in tree(pid)]
    busiest = max(sizes, key=lambda entry: entry[0])[1]
    return Memory(
        processes=len(sizes),
        pss=sum(size["Pss"] for _, size in sizes),
        rss=sum(size["Rss"] for _, size in sizes),
        worker_rss=busiest["Rss"],
    )


def _sizes(pid: int) -> dict[str, int]:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        lines = []
    named = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return {"Pss": named.get("Pss", 0), "Rss": named.get("Rss", 0)}
