"""Not worse than the champion by more than a margin, on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from vouchml.governance.evidence import Bools, Champion, Evidence, Floats
from vouchml.governance.finding import Finding, Verdict, at_least
from vouchml.governance.statistics.delong import area_difference
from vouchml.governance.statistics.intervals import Interval, area_interval, normal_quantile, paired_difference
from vouchml.governance.statistics.losses import log_losses, squared_errors
from vouchml.governance.statistics.mcnemar import mcnemar
from vouchml.governance.statistics.paired_bootstrap import mean_interval
from vouchml.governance.statistics.sample_size import rows_for_interval, rows_for_mean
from vouchml.settings import Margin, PolicySettings


@dataclass(frozen=True)
class Pair:
    """What both versions say of the same rows."""

    is_positive: Bools
    challenger: Floats
    champion: Floats
    challenger_is_right: Bools
    champion_is_right: Bools

    @property
    def rows(self) -> int:
        """How many rows these are."""
        return len(self.is_positive)


@dataclass(frozen=True)
class Advantage:
    """By how much the challenger is better (below 0: worse), with its interval.

    `rows_needed` says how many rows would clear a bound. `p_value` is that of the test named in `decided_by`.
    `objection` says what speaks against the challenger in spite of the margin.
    """

    value: float
    interval: Interval
    decided_by: str
    rows_needed: Callable[[float], int | None]
    p_value: float | None = None
    objection: str = ""


Comparison = Callable[[PolicySettings, Pair, float], Advantage]


def check_margins(policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> Iterator[Finding]:
    """Yield one finding for each margin of the policy; without a champion none of them applies."""
    for metric, margin in policy.margins.items():
        asked = f"worse than the champion by less than {margin:g}"
        if champion is None:
            yield _undecided(metric, asked, margin, "no other version serves", Verdict.NOT_APPLICABLE)
        elif problem := _problem(evidence, champion):
            yield _undecided(metric, asked, margin, problem, Verdict.INCONCLUSIVE)
        else:
            pair = _pair(evidence, champion)
            yield _finding(policy, metric, asked, margin, COMPARISONS[metric](policy, pair, margin), pair.rows)


def _problem(evidence: Evidence, champion: Champion) -> str:
    if champion.problem:
        return champion.problem
    is_positive = evidence.is_positive[champion.rows]
    if is_positive.all() or not is_positive.any():
        return f"the {len(is_positive)} test rows that version {champion.version} has not seen hold one class at most"
    return ""


def _undecided(metric: Margin, asked: str, margin: float, found: str, verdict: Verdict) -> Finding:
    return Finding(
        rule=f"margins.{metric}", asked=asked, found=found, verdict=verdict, decided_by="no comparison", bound=-margin
    )


def _pair(evidence: Evidence, champion: Champion) -> Pair:
    is_positive = evidence.is_positive[champion.rows]
    return Pair(
        is_positive=is_positive,
        challenger=evidence.probabilities[champion.rows],
        champion=champion.probabilities,
        challenger_is_right=evidence.is_right[champion.rows],
        champion_is_right=(champion.probabilities >= champion.threshold) == is_positive,
    )


def _finding(
    policy: PolicySettings, metric: Margin, asked: str, margin: float, advantage: Advantage, rows: int
) -> Finding:
    interval = advantage.interval
    verdict = at_least(interval, -margin)
    if verdict is Verdict.PASS and advantage.objection:
        verdict = Verdict.INCONCLUSIVE
    undecided = at_least(interval, -margin) is Verdict.INCONCLUSIVE
    objection = f"; {advantage.objection}" if advantage.objection else ""
    return Finding(
        rule=f"margins.{metric}",
        asked=asked,
        found=f"advantage {advantage.value:.4g}, {interval.low:.4g} to {interval.high:.4g}{objection}",
        verdict=verdict,
        decided_by=advantage.decided_by,
        value=advantage.value,
        low=interval.low,
        high=interval.high,
        bound=-margin,
        p_value=advantage.p_value,
        rows=rows,
        rows_needed=advantage.rows_needed(-margin) if undecided else None,
    )


def _roc_auc(policy: PolicySettings, pair: Pair, margin: float) -> Advantage:
    difference = area_difference(pair.is_positive, pair.challenger, pair.champion)
    interval = Interval(*difference.ends(normal_quantile(policy.level)))
    if difference.variance == 0 and not _same_order(pair.challenger, pair.champion):
        # Without spread there is no interval: each AUC's own one is a bound for their difference.
        ours, theirs = (area_interval(each, level=policy.level) for each in (difference.first, difference.second))
        interval = Interval(ours.low - theirs.high, ours.high - theirs.low)

    def needed(bound: float) -> int | None:
        variance = difference.variance * pair.rows
        if variance == 0:
            return None
        return rows_for_mean(value=difference.value, bound=bound, variance_of_a_row=variance, level=policy.level)

    return Advantage(
        value=difference.value,
        interval=interval,
        decided_by="DeLong, paired",
        rows_needed=needed,
        p_value=difference.p_inferior(margin),
    )


def _same_order(first: Floats, second: Floats) -> bool:
    """Whether two scores put the rows in the same order, with the same ties."""
    ours, theirs = (np.unique(scores, return_inverse=True)[1] for scores in (first, second))
    return np.array_equal(ours, theirs)


def _log_loss(policy: PolicySettings, pair: Pair, margin: float) -> Advantage:
    return _mean(policy, _gain(pair, log_losses))


def _brier(policy: PolicySettings, pair: Pair, margin: float) -> Advantage:
    return _mean(policy, _gain(pair, squared_errors))


def _gain(pair: Pair, loss: Callable[[Bools, Floats], Floats]) -> Floats:
    """What each row costs less with the challenger."""
    return loss(pair.is_positive, pair.champion) - loss(pair.is_positive, pair.challenger)


def _mean(policy: PolicySettings, gains: Floats) -> Advantage:
    value, variance = float(gains.mean()), float(gains.var(ddof=1))
    return Advantage(
        value=value,
        interval=mean_interval(
            gains,
            level=policy.level,
            resamples=policy.bootstrap_resamples,
            random_state=policy.random_state,
            method="percentile",
        ),
        decided_by="paired bootstrap, percentile",
        rows_needed=lambda bound: rows_for_mean(
            value=value, bound=bound, variance_of_a_row=variance, level=policy.level
        ),
    )


def _accuracy(policy: PolicySettings, pair: Pair, margin: float) -> Advantage:
    gained = int((pair.challenger_is_right & ~pair.champion_is_right).sum())
    lost = int((pair.champion_is_right & ~pair.challenger_is_right).sum())
    test = mcnemar(gained, lost)
    worse = test.p_worse <= (1 - policy.level) / 2
    return Advantage(
        value=(gained - lost) / pair.rows,
        interval=paired_difference(gained, lost, pair.rows, level=policy.level),
        decided_by="Tango's score interval, and McNemar, exact",
        rows_needed=lambda bound: rows_for_interval(
            lambda rows: paired_difference(
                gained * rows / pair.rows, lost * rows / pair.rows, rows, level=policy.level
            ),
            bound,
        ),
        p_value=test.p_worse,
        objection=f"worse beyond chance, with {gained} labels mended and {lost} spoilt" if worse else "",
    )


COMPARISONS: Final[Mapping[Margin, Comparison]] = {
    "roc_auc": _roc_auc,
    "log_loss": _log_loss,
    "brier": _brier,
    "accuracy": _accuracy,
}
