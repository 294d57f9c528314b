"""The families of rules, in the order in which they are shown. A new one is a file here and a line in `CHECKS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vouchml.governance.rules.approvals import check_approvals
from vouchml.governance.rules.base import Check
from vouchml.governance.rules.bounds import check_bounds
from vouchml.governance.rules.card import check_card
from vouchml.governance.rules.margins import check_margins
from vouchml.governance.rules.required_evidence import check_required_evidence
from vouchml.governance.rules.sample import check_sample
from vouchml.governance.rules.slices import check_slices

CHECKS: Final[Mapping[str, Check]] = {
    "evidence": check_required_evidence,
    "sample": check_sample,
    "bounds": check_bounds,
    "margins": check_margins,
    "slices": check_slices,
    "card": check_card,
    "approvals": check_approvals,
}

__all__ = ["CHECKS", "Check"]
