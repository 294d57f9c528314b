"""How long a single answer takes, on the machine that the gate runs on."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vouchml.model import Scorer

_ANSWERS: Final = 1000
_SECONDS: Final = 0.5
_WARM_UP: Final = 10


def time_answers(scorer: Scorer, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Microseconds of single answers to `rows` in turn: at most a thousand, for at most half a second."""
    contiguous = np.ascontiguousarray(rows)
    for row in contiguous[:_WARM_UP]:
        scorer.positive_probability_of_one(row)
    times: list[int] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < _ANSWERS and (not times or time.perf_counter() < end):
        row = contiguous[len(times) % len(contiguous)]
        began = time.perf_counter_ns()
        scorer.positive_probability_of_one(row)
        times.append(time.perf_counter_ns() - began)
    return np.array(times) / 1000
