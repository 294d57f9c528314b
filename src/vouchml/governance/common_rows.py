"""Two versions on the rows that both were tested on: what they answer, and which is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.governance.evidence import Bools, Floats
from vouchml.governance.judged_rows import JudgedRows
from vouchml.governance.rules.margins import COMPARISONS, Pair
from vouchml.model import Contract, Scorer
from vouchml.settings import PolicySettings


@dataclass(frozen=True, eq=False)
class Judged:
    """A version on its own test rows."""

    rows: JudgedRows
    contract: Contract
    scorer: Scorer


@dataclass(frozen=True)
class PairedDifference:
    """By how much the second is better in one metric (below 0: worse), with its interval, and the method."""

    value: float
    low: float
    high: float
    method: str


@dataclass(frozen=True)
class CommonRows:
    """What two versions say of their common test rows. `changed` are the ids of rows whose labels differ."""

    rows: int
    labels_changed: int
    max_abs_difference: float
    changed: tuple[int, ...]
    paired: Mapping[str, PairedDifference]
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def compare_on_common_rows(first: Judged, second: Judged, policy: PolicySettings) -> CommonRows:
    """Compare two versions whose tables are the same one."""
    meanings = [(each.contract.target, each.contract.positive.value) for each in (first, second)]
    if meanings[0] != meanings[1]:
        return _nothing("They predict something else.")
    ids, in_first, in_second = np.intersect1d(first.rows.row_ids, second.rows.row_ids, return_indices=True)
    if not len(ids):
        return _nothing("No row was tested on by both.")
    p, q = _probabilities(first, in_first), _probabilities(second, in_second)
    labels, others = p >= first.contract.threshold, q >= second.contract.threshold
    is_positive = first.rows.is_positive(first.contract.positive.value)[in_first]
    differ = labels != others
    one_class = bool(is_positive.all() or not is_positive.any())
    return CommonRows(
        rows=len(ids),
        labels_changed=int(differ.sum()),
        max_abs_difference=float(np.abs(p - q).max()),
        changed=tuple(ids[differ].tolist()),
        paired={} if one_class else _paired(policy, is_positive, q, p, others == is_positive, labels == is_positive),
        problem="The common rows hold one class only." if one_class else "",
    )


def _nothing(problem: str) -> CommonRows:
    return CommonRows(0, 0, 0.0, (), {}, problem)


def _probabilities(judged: Judged, places: NDArray[np.intp]) -> Floats:
    values = np.ascontiguousarray(judged.rows.values[places])
    return np.asarray(judged.scorer.positive_probability(values), dtype=np.float64)


def _paired(
    policy: PolicySettings, is_positive: Bools, ours: Floats, theirs: Floats, right: Bools, their_right: Bools
) -> dict[str, PairedDifference]:
    pair = Pair(is_positive, ours, theirs, right, their_right)
    found = {}
    for metric, compare in COMPARISONS.items():
        advantage = compare(policy, pair, policy.margins.get(metric, 0.0))
        interval = advantage.interval
        found[str(metric)] = PairedDifference(advantage.value, interval.low, interval.high, advantage.decided_by)
    return found
