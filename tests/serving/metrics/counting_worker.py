"""A real worker process for the tests: it counts what it is told to, one command a line.

`python counting_worker.py FOLDER RUN`, then lines such as `count 1000`; each is answered with one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from vouchml.serving.metrics import WorkerMetrics


@dataclass(frozen=True)
class Version:
    version: str
    model_digest: str = "d" * 64


def main() -> None:
    if "--full-disk" in sys.argv:
        # A file may not grow beyond a header: writing fails in the middle, as it does when a disk is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    metrics = WorkerMetrics.open(Path(sys.argv[1]), sys.argv[2])
    answer("ready")
    for line in sys.stdin:
        command, *arguments = line.split()
        answer(obey(metrics, command, [int(argument) for argument in arguments]))
    metrics.close()


def obey(metrics: WorkerMetrics, command: str, arguments: list[int]) -> object:
    match command, arguments:
        case "count", [times]:
            count(metrics, times)
        case "serve", [version]:
            metrics.describe({"champion": Version(str(version))})
        case "in_flight", [requests]:
            metrics.in_flight(requests)
        case "fork_in_turn", [children, times]:
            for _ in range(children):
                os.waitpid(forked(metrics, times), 0)
        case "fork_together", [children, times]:
            for child in [forked(metrics, times) for _ in range(children)]:
                os.waitpid(child, 0)
        case "fork_one_that_stays", [times]:
            return forked(metrics, times, stays=True)
        case "more_room", []:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        case "scrape", []:
            return metrics.render().decode()
        case _:
            raise ValueError(command)
    return "done"


def count(metrics: WorkerMetrics, times: int) -> None:
    for _ in range(times):
        metrics.request("predict", 200, 0.25)
        metrics.rows("predict", 2)
        metrics.score(0.5)


def forked(metrics: WorkerMetrics, times: int, *, stays: bool = False) -> int:
    """Fork a child that counts and dies of SIGKILL, its own or the test's, and hand out its number."""
    child = os.fork()
    if child == 0:
        count(metrics, times)
        metrics.in_flight(7)
        if stays:
            signal.pause()
        os.kill(os.getpid(), signal.SIGKILL)
    return child


def answer(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
