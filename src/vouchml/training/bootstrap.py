"""Intervals around the metrics, by the stratified percentile bootstrap.

B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979) 1-26; percentile interval
as in Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3. Rows are drawn with replacement
within each class, so every resample has the test set's class sizes and every metric is defined in all of them.

The interval speaks of the sampling of test rows for one fitted model; it does not include what another training
sample would change (cross-validation shows that). Where all resamples agree, as for a model without one error,
it has no width: that is the limit of the method with so few errors, not certainty.

```python
intervals(y_true, p, threshold=0.5, resamples=2000, random_state=42)["roc_auc"].low
```
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vouchml.training.metrics import METRICS, Bools, Floats, WeightedMetrics

_BYTES_A_CELL = (
    32  # measured peak for one row in one resample: draws, counts, their sums and what is gathered from them
)
_CHUNK_BYTES = 8 * 1024 * 1024  # about a processor cache: larger chunks are slower


@dataclass(frozen=True)
class Interval:
    """The two ends of an interval, both included."""

    low: float
    high: float


def intervals(
    y_true: Bools,
    p: Floats,
    *,
    threshold: float,
    resamples: int,
    random_state: int,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Give every metric of `vouchml.training.metrics.METRICS` an interval; the same seed gives the same bits."""
    values = resample_metrics(y_true, p, threshold=threshold, resamples=resamples, random_state=random_state)
    tail = (1 - level) / 2
    ends = {name: np.quantile(values[name], [tail, 1 - tail]) for name in METRICS}
    return {name: Interval(low=float(low), high=float(high)) for name, (low, high) in ends.items()}


def resample_metrics(
    y_true: Bools,
    p: Floats,
    *,
    threshold: float,
    resamples: int,
    random_state: int,
    chunk_bytes: int = _CHUNK_BYTES,
) -> dict[str, Floats]:
    """Compute every metric in each of `resamples` resamples, a chunk of them at a time so that memory stays flat.

    Each class has its own stream of random numbers, so the size of a chunk does not change any value.
    """
    scored = WeightedMetrics.of(y_true, p, threshold=threshold)
    streams = [np.random.Generator(np.random.PCG64(seed)) for seed in np.random.SeedSequence(random_state).spawn(2)]
    step = max(1, chunk_bytes // (_BYTES_A_CELL * p.size))
    chunks = [
        scored.compute(
            _draw_counts(streams[0], rows=size, population=scored.positives.size),
            _draw_counts(streams[1], rows=size, population=scored.negatives.size),
        )
        for size in (min(step, resamples - start) for start in range(0, resamples, step))
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in METRICS}


def _draw_counts(generator: np.random.Generator, *, rows: int, population: int) -> Floats:
    """How often each of `population` rows is drawn in `population` draws: multinomial counts, one resample a row."""
    draws = generator.integers(population, size=(rows, population))
    draws += np.arange(rows)[:, np.newaxis] * population
    counts = np.bincount(draws.ravel(), minlength=rows * population)
    return counts.reshape(rows, population).astype(np.float64)
