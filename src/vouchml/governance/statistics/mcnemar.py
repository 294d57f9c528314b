"""Whether two classifiers label the same rows equally well: McNemar's test, exact.

Q. McNemar, Psychometrika 12 (1947) 153-157; exact as the binomial test of the rows on which only one of them is right.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class McNemar:
    """The rows on which only the first, and only the second, is right, and the p-values that follow from them.

    `p_worse` is of the hypothesis that the first is as good: small where it is worse. `p_different` is two-sided.
    """

    only_first: int
    only_second: int
    p_worse: float
    p_different: float


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """The exact test for these counts."""
    from scipy.special import bdtr

    discordant = only_first + only_second
    if discordant == 0:
        return McNemar(only_first, only_second, p_worse=1.0, p_different=1.0)
    p_worse = float(bdtr(only_first, discordant, 0.5))
    smaller = float(bdtr(min(only_first, only_second), discordant, 0.5))
    return McNemar(only_first, only_second, p_worse=p_worse, p_different=min(1.0, 2 * smaller))
