"""No part of the test rows on which the labels are much worse than on all of them.

For each slice: the exact binomial test of the hypothesis that its accuracy is at least that of all test rows minus the
margin, with Holm's correction over all slices of all columns. It looks for harm and does not prove that there is none:
PASS says that no slice that is large enough lies below the floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.governance.evidence import Bools, Champion, Evidence
from vouchml.governance.finding import Finding, Verdict
from vouchml.governance.statistics.holm import holm
from vouchml.governance.statistics.intervals import Interval, clopper_pearson
from vouchml.governance.statistics.sample_size import rows_for_interval
from vouchml.settings import PolicySettings


@dataclass(frozen=True)
class Slice:
    """The test rows with the same value of a column, or with values of one of its bins."""

    column: str
    name: str
    rows: int
    right: int

    @property
    def accuracy(self) -> float:
        """The share of rows whose label is right."""
        return self.right / self.rows


def check_slices(policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> Iterator[Finding]:
    """Yield one finding for each column of the policy, about its worst slice."""
    slices = [
        each
        for column in policy.slices
        if column in evidence.slices
        for each in slices_of(column, evidence.slices[column], evidence.is_right, bins=policy.slice_bins)
    ]
    judged = [each for each in slices if each.rows >= policy.slice_minimum_rows]
    floor = max(float(evidence.is_right.mean()) - policy.slice_margin, 0.0)
    adjusted = holm([_p_at_least(each, floor) for each in judged])
    for column in policy.slices:
        if column not in evidence.slices:
            yield _missing(column, floor)
            continue
        of_column = [(each, p) for each, p in zip(judged, adjusted, strict=True) if each.column == column]
        small = sum(each.column == column for each in slices) - len(of_column)
        yield _finding(policy, column, floor, of_column, small)


def slices_of(column: str, values: NDArray[Any], is_right: Bools, *, bins: int) -> list[Slice]:
    """Cut the rows by the values of a column, or by its quantiles where it has more than `bins` numbers.

    `values` are floats, NaN where missing, or an object array of strings. Equal values stay together.
    """
    if values.dtype == object:
        names, places = np.unique(values.astype(str), return_inverse=True)
        labels = [str(name) for name in names]
    else:
        labels, places = _number_slices(values, bins)
    rows = np.bincount(places, minlength=len(labels))
    right = np.bincount(places, weights=is_right, minlength=len(labels))
    return [
        Slice(column, label, int(count), int(good))
        for label, count, good in zip(labels, rows, right, strict=True)
        if count
    ]


def _number_slices(values: NDArray[np.float64], bins: int) -> tuple[list[str], NDArray[np.intp]]:
    missing = np.isnan(values)
    present = values[~missing]
    distinct = np.unique(present)
    places = np.zeros(len(values), dtype=np.intp)
    if len(distinct) <= bins:
        places[~missing] = np.searchsorted(distinct, present)
        labels = [f"{value:g}" for value in distinct]
    else:
        edges = np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)))
        places[~missing] = np.clip(np.searchsorted(edges, present, side="right") - 1, 0, len(edges) - 2)
        labels = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    places[missing] = len(labels)
    return [*labels, "missing"], places


def _p_at_least(each: Slice, floor: float) -> float:
    """The p-value of the hypothesis that the accuracy of the slice is at least `floor`."""
    from scipy.special import bdtr

    return float(bdtr(each.right, each.rows, floor))


def _missing(column: str, floor: float) -> Finding:
    return Finding(
        rule=f"slices.{column}",
        asked="its slices are known",
        found="no values of this column",
        verdict=Verdict.FAIL,
        decided_by="presence",
        bound=floor,
    )


def _finding(
    policy: PolicySettings, column: str, floor: float, judged: list[tuple[Slice, float]], small: int
) -> Finding:
    asked = f"no slice below {floor:.4g} (all rows minus {policy.slice_margin:g})"
    too_small = f"; {small} with fewer than {policy.slice_minimum_rows} rows not judged" if small else ""
    if not judged:
        return Finding(
            rule=f"slices.{column}",
            asked=asked,
            found=f"no slice has {policy.slice_minimum_rows} rows",
            verdict=Verdict.INCONCLUSIVE,
            decided_by="no slice to judge",
            bound=floor,
        )
    worst, p = min(judged, key=lambda pair: (pair[1], pair[0].accuracy))
    lowest = min(judged, key=lambda pair: pair[0].accuracy)[0].accuracy
    verdict = Verdict.PASS if lowest >= floor else Verdict.INCONCLUSIVE
    if p <= 1 - policy.level:
        verdict = Verdict.FAIL
    interval = clopper_pearson(worst.right, worst.rows, level=policy.level)
    return Finding(
        rule=f"slices.{column}",
        asked=asked,
        found=f"worst of {len(judged)}: {worst.accuracy:.4g}, {interval.low:.4g} to {interval.high:.4g} in {worst.name}"
        f" ({worst.rows} rows), p = {p:.3g}{too_small}",
        verdict=verdict,
        decided_by="exact binomial test, Holm",
        value=worst.accuracy,
        low=interval.low,
        high=interval.high,
        bound=floor,
        p_value=p,
        rows=worst.rows,
        rows_needed=_rows_needed(worst, floor, policy.level) if verdict is Verdict.INCONCLUSIVE else None,
    )


def _rows_needed(each: Slice, floor: float, level: float) -> int | None:
    def interval_at(rows: int) -> Interval:
        return clopper_pearson(rows * each.accuracy, rows, level=level)

    return rows_for_interval(interval_at, floor)
