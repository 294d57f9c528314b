"""How long the 95 % intervals of all metrics take: on the shipped data's test rows, and on many more.

`python -m benchmarks.interval_speed`
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from vouchml.data import read_table, split_rows
from vouchml.settings import load_settings
from vouchml.training.bootstrap import intervals
from vouchml.training.metrics import Bools, Floats
from vouchml.training.train import fit_and_evaluate

RESAMPLES: Final = 2000
MANY_ROWS: Final = 100_000
ALLOWED_SECONDS: Final = 2.0
REPOSITORY: Final = Path(__file__).resolve().parents[1]


def shipped_test_rows() -> tuple[Bools, Floats]:
    """The test rows of the shipped data, and what the shipped model says of them."""
    settings = load_settings(REPOSITORY / "vouch.toml")
    table = read_table(settings.data_path, settings.data)
    split = split_rows(table, test_size=settings.training.test_size, random_state=settings.training.random_state)
    fitted = fit_and_evaluate(settings, table, split)
    return table.targets[split.test] == fitted.contract.positive.value, fitted.test_probabilities


def many_test_rows() -> tuple[Bools, Floats]:
    """A hundred thousand made-up rows, three fifths of them positive."""
    rng = np.random.default_rng(42)
    y_true = np.arange(MANY_ROWS) < round(0.6 * MANY_ROWS)
    return y_true, np.clip(rng.normal(np.where(y_true, 0.8, 0.2), 0.2), 0.0, 1.0)


def seconds_for(rows: tuple[Bools, Floats], *, times: int) -> float:
    """The median seconds that the intervals of all metrics over `rows` take."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        intervals(*rows, threshold=0.5, resamples=RESAMPLES, random_state=42)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def show_interval_speed(console: Console) -> bool:
    """Print both, and say whether the shipped data is within what is allowed."""
    rows = shipped_test_rows()
    shipped = seconds_for(rows, times=5)
    within = shipped < ALLOWED_SECONDS
    console.print(
        f"Intervals of all metrics, {RESAMPLES:,} resamples: {shipped:.3f} s on the {rows[0].size} test rows of the "
        f"shipped data (allowed: {ALLOWED_SECONDS:g} s, {'met' if within else 'NOT MET'}), "
        f"{seconds_for(many_test_rows(), times=1):.1f} s on {MANY_ROWS:,} test rows."
    )
    return within


if __name__ == "__main__":
    raise SystemExit(0 if show_interval_speed(Console(highlight=False)) else 1)
