from __future__ import annotations

from vouchml.governance.explanations import explanation_of
from vouchml.governance.rules import CHECKS


def test_every_family_of_rules_is_explained() -> None:
    assert all(explanation_of(family).endswith(".") for family in CHECKS)
