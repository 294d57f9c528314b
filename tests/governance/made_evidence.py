"""Evidence made by hand, for tests of single rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vouchml.governance.evidence import Champion, Evidence
from vouchml.governance.finding import Finding, Verdict
from vouchml.governance.rules import CHECKS
from vouchml.settings import PolicySettings


def make_evidence(rows: int = 400, *, separation: float = 3.0, seed: int = 0, **changes: Any) -> Evidence:
    """Three fifths positive rows, scored by their true probabilities: two normal classes `separation` apart."""
    generator = np.random.default_rng(seed)
    is_positive = np.arange(rows) < round(0.6 * rows)
    latent = generator.normal(separation * is_positive, 1.0)
    log_odds = separation * (latent - separation / 2) + np.log(1.5)
    evidence = Evidence(
        name="a_model",
        version=2,
        model_digest="a" * 64,
        threshold=0.5,
        is_positive=is_positive,
        probabilities=1 / (1 + np.exp(-log_odds)),
        test_set_sha256="b" * 64,
        kinds=frozenset({"manifest", "evaluation", "parity"}),
    )
    return replace(evidence, **changes)


def champion_like(evidence: Evidence, *, sharper: float = 1.0, **changes: Any) -> Champion:
    """A champion that has seen none of the rows; its log-odds are those of the evidence times `sharper`."""
    log_odds = np.log(evidence.probabilities) - np.log1p(-evidence.probabilities)
    champion = Champion(
        version=1,
        model_digest="c" * 64,
        rows=np.ones(len(evidence.is_positive), dtype=np.bool_),
        probabilities=1 / (1 + np.exp(-sharper * log_odds)),
    )
    return replace(champion, **changes)


def findings(family: str, evidence: Evidence, champion: Champion | None = None, **policy: Any) -> dict[str, Finding]:
    """What a family of rules finds, by the name of the rule within it."""
    found = CHECKS[family](PolicySettings(**policy), evidence, champion)
    return {finding.rule.removeprefix(f"{family}."): finding for finding in found}


def verdicts(family: str, evidence: Evidence, champion: Champion | None = None, **policy: Any) -> dict[str, Verdict]:
    """The verdicts of a family of rules."""
    return {name: finding.verdict for name, finding in findings(family, evidence, champion, **policy).items()}
