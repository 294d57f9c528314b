"""Whether two models are equivalent on the same rows: neither worse than the other by a margin, tested both ways.

Two one-sided tests with the comparisons that the gate makes (D. J. Schuirmann, J. Pharmacokinetics Biopharmaceutics 15
(1987) 657-680): AUC by DeLong, losses by the paired bootstrap, labels by Tango's interval and McNemar's exact test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vouchml.governance.evidence import Bools, Floats
from vouchml.governance.finding import Verdict, at_least
from vouchml.governance.rules.margins import COMPARISONS, Advantage
from vouchml.governance.rules.margins import Pair as Compared
from vouchml.settings import PolicySettings


@dataclass(frozen=True)
class Equivalence:
    """One metric: whether equivalence within its margin is shown, and the interval of the difference."""

    metric: str
    margin: float
    found: str
    shown: bool


def equivalences(
    policy: PolicySettings, *, is_positive: Bools, first: tuple[Floats, float], second: tuple[Floats, float]
) -> tuple[Equivalence, ...]:
    """Test each metric that has a margin; `first` and `second` are probabilities, one a row, and a threshold."""
    return tuple(_equivalences(policy, _pair(is_positive, first, second), _pair(is_positive, second, first)))


def _equivalences(policy: PolicySettings, forth: Compared, back: Compared) -> Iterator[Equivalence]:
    for metric, margin in policy.margins.items():
        ways = [COMPARISONS[metric](policy, pair, margin) for pair in (forth, back)]
        interval = ways[0].interval
        yield Equivalence(
            metric=metric,
            margin=margin,
            found=f"{ways[0].value:+.3g} ({interval.low:+.3g} to {interval.high:+.3g}; {ways[0].decided_by})",
            shown=all(_not_worse(way, margin) for way in ways),
        )


def _not_worse(advantage: Advantage, margin: float) -> bool:
    return at_least(advantage.interval, -margin) is Verdict.PASS and not advantage.objection


def _pair(is_positive: Bools, first: tuple[Floats, float], second: tuple[Floats, float]) -> Compared:
    (ours, our_threshold), (theirs, their_threshold) = first, second
    return Compared(
        is_positive=is_positive,
        challenger=ours,
        champion=theirs,
        challenger_is_right=(ours >= our_threshold) == is_positive,
        champion_is_right=(theirs >= their_threshold) == is_positive,
    )
