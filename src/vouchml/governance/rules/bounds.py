"""Absolute bounds, held against the end of an interval that lies nearer to failing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from vouchml.governance.evidence import Bools, Champion, Evidence, Floats
from vouchml.governance.finding import Finding, Verdict, at_least, at_most
from vouchml.governance.statistics.calibration import calibration_errors, calibration_slope
from vouchml.governance.statistics.delong import area
from vouchml.governance.statistics.intervals import Interval, area_interval, clopper_pearson, median_interval
from vouchml.governance.statistics.losses import log_losses, squared_errors
from vouchml.governance.statistics.paired_bootstrap import mean_interval, statistic_interval
from vouchml.governance.statistics.sample_size import rows_for_interval, rows_for_mean
from vouchml.settings import Bound, PolicySettings


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval and where that comes from; `rows_needed` says how many rows would clear a bound."""

    value: float
    interval: Interval
    decided_by: str
    rows: int
    rows_needed: Callable[[float], int | None]


@dataclass(frozen=True)
class NoEstimate:
    """Why a figure cannot be given."""

    reason: str


Figure = Callable[[PolicySettings, Evidence], Estimate | NoEstimate]


def check_bounds(policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> Iterator[Finding]:
    """Yield one finding for each bound of the policy."""
    for bound, value in policy.bounds.items():
        metric, _, end = bound.rpartition("_")
        yield _finding(bound, value, FIGURES[bound](policy, evidence), name=metric, is_lower=end == "lower")


def _finding(bound: Bound, value: float, estimate: Estimate | NoEstimate, *, name: str, is_lower: bool) -> Finding:
    asked = f"interval {'at least' if is_lower else 'at most'} {value:g}"
    if isinstance(estimate, NoEstimate):
        return Finding(
            rule=f"bounds.{bound}",
            asked=asked,
            found=estimate.reason,
            verdict=Verdict.INCONCLUSIVE,
            decided_by="no estimate",
            bound=value,
        )
    interval = estimate.interval
    verdict = at_least(interval, value) if is_lower else at_most(interval, value)
    return Finding(
        rule=f"bounds.{bound}",
        asked=asked,
        found=f"{estimate.value:.4g}, {interval.low:.4g} to {interval.high:.4g}",
        verdict=verdict,
        decided_by=estimate.decided_by,
        value=estimate.value,
        low=interval.low,
        high=interval.high,
        bound=value,
        rows=estimate.rows,
        rows_needed=estimate.rows_needed(value) if verdict is Verdict.INCONCLUSIVE else None,
    )


def _roc_auc(policy: PolicySettings, evidence: Evidence) -> Estimate | NoEstimate:
    if evidence.is_positive.all() or not evidence.is_positive.any():
        return NoEstimate("the test rows hold one class only")
    found = area(evidence.is_positive, evidence.probabilities)
    rows = len(evidence.is_positive)

    def needed(bound: float) -> int | None:
        if found.value in (0.0, 1.0):
            smaller = min(found.positives, found.negatives)
            pairs = rows_for_interval(lambda n: clopper_pearson(n * found.value, n, level=policy.level), bound)
            return None if pairs is None else -(-pairs * rows // max(smaller, 1))
        return rows_for_mean(
            value=found.value, bound=bound, variance_of_a_row=found.variance * rows, level=policy.level
        )

    return Estimate(found.value, area_interval(found, level=policy.level), "DeLong, logit scale", rows, needed)


def _proportion(
    policy: PolicySettings, evidence: Evidence, *, of: Callable[[Evidence], tuple[Bools, Bools]]
) -> Estimate | NoEstimate:
    """A share of rows: `of` gives which rows count, and which of all rows are successes."""
    counted, successes = of(evidence)
    rows = int(counted.sum())
    if rows == 0:
        return NoEstimate("no row of this kind")
    share = float(successes[counted].mean())
    interval = clopper_pearson(int(successes[counted].sum()), rows, level=policy.level)
    total = len(counted)

    def needed(bound: float) -> int | None:
        of_kind = rows_for_interval(lambda n: clopper_pearson(n * share, n, level=policy.level), bound)
        return None if of_kind is None else -(-of_kind * total // rows)

    return Estimate(share, interval, "Clopper-Pearson, exact", rows, needed)


def _accuracy(evidence: Evidence) -> tuple[Bools, Bools]:
    return np.ones(len(evidence.is_positive), dtype=np.bool_), evidence.is_right


def _recall(evidence: Evidence) -> tuple[Bools, Bools]:
    return evidence.is_positive, evidence.is_right


def _specificity(evidence: Evidence) -> tuple[Bools, Bools]:
    return ~evidence.is_positive, evidence.is_right


def _precision(evidence: Evidence) -> tuple[Bools, Bools]:
    return evidence.probabilities >= evidence.threshold, evidence.is_positive


def _mean_loss(
    policy: PolicySettings, evidence: Evidence, *, loss: Callable[[Bools, Floats], Floats]
) -> Estimate | NoEstimate:
    values = loss(evidence.is_positive, evidence.probabilities)
    interval = mean_interval(
        values,
        level=policy.level,
        resamples=policy.bootstrap_resamples,
        random_state=policy.random_state,
        method="bca",
    )

    def needed(bound: float) -> int | None:
        variance = float(values.var(ddof=1))
        return rows_for_mean(value=float(values.mean()), bound=bound, variance_of_a_row=variance, level=policy.level)

    return Estimate(float(values.mean()), interval, "bootstrap, BCa", len(values), needed)


def _calibration_error(policy: PolicySettings, evidence: Evidence) -> Estimate | NoEstimate:
    rows = len(evidence.is_positive)
    statistic = partial(calibration_errors, evidence.is_positive, evidence.probabilities)
    value = float(statistic(np.arange(rows, dtype=np.intp)[np.newaxis])[0])
    interval = statistic_interval(
        statistic,
        rows,
        level=policy.level,
        resamples=policy.bootstrap_resamples,
        random_state=policy.random_state,
    )
    # Its spread does not narrow with 1/√rows while bins are thinly filled, so no number of rows is named.
    return Estimate(value, interval, "bootstrap, percentile", rows, lambda _: None)


def _calibration_slope(policy: PolicySettings, evidence: Evidence) -> Estimate | NoEstimate:
    rows = len(evidence.is_positive)
    slope = calibration_slope(evidence.is_positive, evidence.probabilities)
    if slope is None:
        return NoEstimate("no finite slope: the log-odds part the classes, or there is one class only")

    def needed(bound: float) -> int | None:
        return rows_for_mean(
            value=slope.value, bound=bound, variance_of_a_row=slope.standard_error**2 * rows, level=policy.level
        )

    return Estimate(slope.value, slope.interval(policy.level), "logistic recalibration, Wald", rows, needed)


def _latency(policy: PolicySettings, evidence: Evidence) -> Estimate | NoEstimate:
    times = evidence.microseconds
    if not times.size:
        return NoEstimate("no answer was timed")
    interval = median_interval(times, level=policy.level)
    return Estimate(float(np.median(times)), interval, "median of single answers here", len(times), lambda _: None)


FIGURES: Final[Mapping[Bound, Figure]] = {
    "roc_auc_lower": _roc_auc,
    "accuracy_lower": partial(_proportion, of=_accuracy),
    "recall_lower": partial(_proportion, of=_recall),
    "specificity_lower": partial(_proportion, of=_specificity),
    "precision_lower": partial(_proportion, of=_precision),
    "log_loss_upper": partial(_mean_loss, loss=log_losses),
    "brier_upper": partial(_mean_loss, loss=squared_errors),
    "calibration_error_upper": _calibration_error,
    "calibration_slope_lower": _calibration_slope,
    "calibration_slope_upper": _calibration_slope,
    "latency_microseconds_upper": _latency,
}
