"""What `vouch gate --explain` says of each family of rules; docs/gates.md says it with sources and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EXPLANATIONS: Final[Mapping[str, str]] = {
    "evidence": "The files or statements must be there, and those of the run must agree with its manifest.",
    "sample": "Counted on the test rows, which are found again in the table by the split that the manifest records.",
    "bounds": "The whole interval must keep the bound: PASS if it does, FAIL if all of it breaks the bound, "
    "INCONCLUSIVE if the bound lies within. AUC: DeLong on the logit scale. Shares of rows: Clopper-Pearson. Losses: "
    "BCa bootstrap. Calibration error: percentile bootstrap. Calibration slope: Wald. Latency: median of answers here.",
    "margins": "Both versions score the same test rows, without those that the champion was trained on. The interval "
    "of what the challenger is better by must lie above minus the margin. AUC: DeLong for paired rows. Losses: paired "
    "percentile bootstrap. Labels: Tango's score interval; besides, McNemar's exact test must not find it worse.",
    "slices": "The exact binomial test that a slice is as accurate as all rows minus the margin, corrected by Holm "
    "over all slices. FAIL if it is rejected, INCONCLUSIVE if a slice lies below but chance may explain it.",
    "card": "A person must have filled the field; white space is no answer.",
    "approvals": "Counted by person from verified statements; authors do not count, one rejection is enough.",
}


def explanation_of(family: str) -> str:
    """How the rules of a family are decided."""
    return _EXPLANATIONS[family]
