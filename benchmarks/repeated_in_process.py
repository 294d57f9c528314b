"""Train several times in this process and print the seconds of each time as JSON: the first loads the libraries.

`python -m benchmarks.repeated_in_process vouch|plain FOLDER TIMES`
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import plain_mlflow


def repeat(train: Callable[[], object], times: int) -> list[float]:
    """The seconds of each of `times` trainings."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        train()
        seconds.append(time.perf_counter() - began)
    return seconds


def trainer(kind: str, folder: Path) -> Callable[[], object]:
    """One training, by vouchml or by hand, in `folder`."""
    if kind == "plain":
        return lambda: plain_mlflow.train(folder, pinned=True, cross_validation=False)
    from vouchml.settings import load_settings
    from vouchml.training import train

    settings = load_settings(folder / "vouch.toml")
    return lambda: train(settings)


if __name__ == "__main__":
    kind, folder, times = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(repeat(trainer(kind, folder), times)))
