"""How often the gate is wrong, by simulation: what docs/gates.md prints.

`python -m benchmarks.gate_error_rates` takes minutes on one core; `--trials 200` gives a rough picture in seconds.

The rows are of two normal classes, six tenths of them positive. The champion sees the classes 2.33 standard deviations
apart (AUC 0.95), and says the true probability given what it sees. The challenger does the same with a view of its own,
whose noise has a correlation of 0.8 with the champion's. So what is true of all rows is known.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from vouchml.governance.evidence import Champion, Evidence
from vouchml.governance.finding import Verdict
from vouchml.governance.rules import CHECKS
from vouchml.governance.statistics.losses import log_losses, squared_errors
from vouchml.governance.statistics.paired_bootstrap import Method, mean_interval
from vouchml.settings import Margin, PolicySettings

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

POSITIVE: Final = 0.6
CORRELATION: Final = 0.8
CHAMPION_AUC: Final = 0.95
SIZES: Final = (114, 300, 1000)
RESAMPLES: Final = 600
ROWS_FOR_THE_TRUTH: Final = 4_000_000
METRICS: Final[tuple[Margin, ...]] = ("roc_auc", "log_loss", "brier", "accuracy")
MARGIN_AUC: Final = 0.02
CLEARLY_WORSE_AUC: Final = 0.06


@dataclass(frozen=True)
class Sample:
    """Rows, and what both say of them."""

    is_positive: Bools
    challenger: Floats
    champion: Floats

    def evidence(self) -> Evidence:
        """The challenger as the gate sees it."""
        return Evidence(
            name="simulated",
            version=2,
            model_digest="",
            threshold=0.5,
            is_positive=self.is_positive,
            probabilities=self.challenger,
            test_set_sha256="",
            kinds=frozenset(),
        )

    def other(self) -> Champion:
        """The champion as the gate sees it."""
        return Champion(
            version=1, rows=np.ones(len(self.is_positive), dtype=np.bool_), probabilities=self.champion, threshold=0.5
        )


def separation_for(auc: float) -> float:
    """How many standard deviations apart two normal classes of this AUC are."""
    return NormalDist().inv_cdf(auc) * math.sqrt(2)


def draw(generator: np.random.Generator, rows: int, *, challenger_auc: float) -> Sample:
    """Rows with the answers of the champion and of a challenger of this true AUC."""
    is_positive = generator.random(rows) < POSITIVE
    shared = generator.normal(size=(2, rows))
    noise = CORRELATION * shared[0] + math.sqrt(1 - CORRELATION**2) * shared[1]
    return Sample(
        is_positive,
        challenger=_probability(is_positive, noise, separation_for(challenger_auc)),
        champion=_probability(is_positive, shared[0], separation_for(CHAMPION_AUC)),
    )


def _probability(is_positive: Bools, noise: Floats, separation: float) -> Floats:
    seen = noise + separation * is_positive
    log_odds = separation * (seen - separation / 2) + math.log(POSITIVE / (1 - POSITIVE))
    return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float64)


def true_disadvantages(generator: np.random.Generator, challenger_auc: float) -> dict[Margin, float]:
    """By how much the challenger is worse, over all rows that there could be."""
    sample = draw(generator, ROWS_FOR_THE_TRUTH, challenger_auc=challenger_auc)
    y, ours, theirs = sample.is_positive, sample.challenger, sample.champion
    return {
        "roc_auc": CHAMPION_AUC - challenger_auc,
        "log_loss": float((log_losses(y, ours) - log_losses(y, theirs)).mean()),
        "brier": float((squared_errors(y, ours) - squared_errors(y, theirs)).mean()),
        "accuracy": float(((theirs >= 0.5) == y).mean() - ((ours >= 0.5) == y).mean()),
    }


def verdict_shares(
    trials: int, verdicts_of: Callable[[np.random.Generator], Iterator[tuple[str, Verdict]]], *, seed: int
) -> dict[str, dict[Verdict, float]]:
    """How often each rule came to each verdict."""
    generator = np.random.default_rng(seed)
    counts: dict[str, Counter[Verdict]] = {}
    for _ in range(trials):
        for rule, verdict in verdicts_of(generator):
            counts.setdefault(rule, Counter())[verdict] += 1
    return {rule: {verdict: count[verdict] / trials for verdict in Verdict} for rule, count in counts.items()}


def margins(console: Console, trials: int) -> None:
    """Challengers that are exactly as much worse as the margin allows, as good as the champion, and clearly worse."""
    at_margin = true_disadvantages(np.random.default_rng(1), CHAMPION_AUC - MARGIN_AUC)
    told = ", ".join(f"{metric} {margin:.4f}" for metric, margin in at_margin.items())
    console.print(f"\nMargins ({told}): what came of {trials} challengers each\n", soft_wrap=True)
    console.print(
        "| rule | test rows | the truth | PASS | INCONCLUSIVE | FAIL |\n|---|---|---|---|---|---|", soft_wrap=True
    )
    policy = PolicySettings(margins=at_margin, bounds={}, bootstrap_resamples=RESAMPLES)
    for title, auc in (
        ("worse by the margin", CHAMPION_AUC - MARGIN_AUC),
        ("as good", CHAMPION_AUC),
        ("worse by three margins", CHAMPION_AUC - CLEARLY_WORSE_AUC),
    ):
        for rows in SIZES:

            def verdicts_of(
                generator: np.random.Generator, rows: int = rows, auc: float = auc
            ) -> Iterator[tuple[str, Verdict]]:
                sample = draw(generator, rows, challenger_auc=auc)
                found = tuple(CHECKS["margins"](policy, sample.evidence(), sample.other()))
                yield from ((finding.rule, finding.verdict) for finding in found)
                yield "all four", _whole([finding.verdict for finding in found])

            _print_shares(console, verdict_shares(trials, verdicts_of, seed=rows), rows, title)


def bounds(console: Console, trials: int) -> None:
    """Bounds that are exactly the true figure, and bounds that the truth keeps with some room."""
    truth = draw(np.random.default_rng(2), ROWS_FOR_THE_TRUTH, challenger_auc=CHAMPION_AUC)
    y, p = truth.is_positive, truth.challenger
    exact: dict[str, float] = {
        "roc_auc_lower": CHAMPION_AUC,
        "accuracy_lower": float(((p >= 0.5) == y).mean()),
        "recall_lower": float((p[y] >= 0.5).mean()),
        "brier_upper": float(squared_errors(y, p).mean()),
        "log_loss_upper": float(log_losses(y, p).mean()),
        "calibration_slope_lower": 1.0,
    }
    with_room = {name: value - 0.05 if name.endswith("lower") else value * 1.5 for name, value in exact.items()}
    with_room["calibration_slope_lower"] = 0.7
    console.print(f"\nBounds: what came of {trials} versions each\n", soft_wrap=True)
    console.print(
        "| rule | test rows | the truth | PASS | INCONCLUSIVE | FAIL |\n|---|---|---|---|---|---|", soft_wrap=True
    )
    for title, limits in (("on the bound", exact), ("within it", with_room)):
        policy = PolicySettings.model_validate({"bounds": limits, "bootstrap_resamples": RESAMPLES})
        for rows in SIZES:

            def verdicts_of(
                generator: np.random.Generator, rows: int = rows, policy: PolicySettings = policy
            ) -> Iterator[tuple[str, Verdict]]:
                evidence = draw(generator, rows, challenger_auc=CHAMPION_AUC).evidence()
                for finding in CHECKS["bounds"](policy, evidence, None):
                    yield finding.rule, finding.verdict

            _print_shares(console, verdict_shares(trials, verdicts_of, seed=rows), rows, title)


def slices(console: Console, trials: int) -> None:
    """Eight slices of two columns, of which one is as bad as the margin allows, or much worse."""
    console.print(f"\nSlices (two columns of four, margin 0.1): what came of {trials} versions each\n", soft_wrap=True)
    console.print(
        "| rule | test rows | the truth | PASS | INCONCLUSIVE | FAIL |\n|---|---|---|---|---|---|", soft_wrap=True
    )
    policy = PolicySettings(slices=("first", "second"), slice_margin=0.1)
    for title, accuracy_in_one in (("all alike, 0.95", 0.95), ("one at 0.8", 0.8), ("one at 0.6", 0.6)):
        for rows in SIZES:

            def verdicts_of(
                generator: np.random.Generator, rows: int = rows, accuracy_in_one: float = accuracy_in_one
            ) -> Iterator[tuple[str, Verdict]]:
                first, second = generator.integers(4, size=(2, rows)).astype(np.float64)
                right = generator.random(rows) < np.where(first == 0, accuracy_in_one, 0.95)
                evidence = _labelled(generator, right, {"first": first, "second": second})
                yield "slices", _whole([finding.verdict for finding in CHECKS["slices"](policy, evidence, None)])

            _print_shares(console, verdict_shares(trials, verdicts_of, seed=rows), rows, title)


def coverage(console: Console, trials: int) -> None:
    """How often 95 % bootstrap intervals hold the truth, and how often they lie above and below it."""
    console.print(f"\nBootstrap intervals, 95 %: {trials} samples each\n", soft_wrap=True)
    console.print(
        "| mean of | rows | method | holds the truth | lies above | lies below |\n|---|---|---|---|---|---|",
        soft_wrap=True,
    )
    for name, loss in (("log loss", log_losses), ("squared error", squared_errors)):
        for what in ("advantage", "loss"):

            def values(generator: np.random.Generator, rows: int, loss: Any = loss, what: str = what) -> Floats:
                sample = draw(generator, rows, challenger_auc=CHAMPION_AUC - MARGIN_AUC)
                own: Floats = loss(sample.is_positive, sample.challenger)
                return loss(sample.is_positive, sample.champion) - own if what == "advantage" else own

            truth = float(values(np.random.default_rng(3), ROWS_FOR_THE_TRUTH).mean())
            for rows in SIZES:
                for method in ("percentile", "bca"):
                    _print_coverage(console, f"{name}, {what}", values, truth, rows, method, trials)


def _print_coverage(
    console: Console,
    name: str,
    values: Callable[[np.random.Generator, int], Floats],
    truth: float,
    rows: int,
    method: Method,
    trials: int,
) -> None:
    generator = np.random.default_rng(rows)
    above = below = 0
    for trial in range(trials):
        sample = values(generator, rows)
        interval = mean_interval(sample, level=0.95, resamples=RESAMPLES, random_state=trial, method=method)
        above += interval.low > truth
        below += interval.high < truth
    held = 1 - (above + below) / trials
    console.print(
        f"| {name} | {rows:,} | {method} | {held:.1%} | {above / trials:.1%} | {below / trials:.1%} |", soft_wrap=True
    )


def _labelled(generator: np.random.Generator, right: Bools, columns: dict[str, Floats]) -> Evidence:
    is_positive = generator.random(len(right)) < POSITIVE
    return Evidence(
        name="simulated",
        version=2,
        model_digest="",
        threshold=0.5,
        is_positive=is_positive,
        probabilities=np.where(is_positive == right, 0.9, 0.1),
        test_set_sha256="",
        kinds=frozenset(),
        slices=columns,
    )


def _whole(verdicts: list[Verdict]) -> Verdict:
    return next(each for each in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS) if each in verdicts)


def _print_shares(console: Console, shares: dict[str, dict[Verdict, float]], rows: int, title: str) -> None:
    for rule, share in shares.items():
        parts = [f"{share[verdict]:.1%}" for verdict in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)]
        console.print(f"| `{rule}` | {rows:,} | {title} | {' | '.join(parts)} |", soft_wrap=True)


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    console = Console(markup=False, highlight=False)
    for part in (margins, bounds, slices, coverage):
        part(console, trials)


if __name__ == "__main__":
    main()
