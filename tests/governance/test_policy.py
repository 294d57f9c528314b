from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from vouchml.errors import SettingsInvalid
from vouchml.governance.policy import policy_digest, policy_text
from vouchml.settings import PolicySettings, load_settings

MINIMAL = """
[project]
registered_model = "m"
experiment = "e"
[data]
path = "t.csv"
target = "y"
positive_class = "1"
[policy]
"""


def policy_of(tmp_path: Path, text: str) -> PolicySettings:
    (tmp_path / "vouch.toml").write_text(MINIMAL + text, encoding="utf-8")
    return load_settings(tmp_path / "vouch.toml").policy


def test_the_digest_is_that_of_the_canonical_text_with_all_defaults() -> None:
    text = policy_text(PolicySettings())
    assert set(json.loads(text)) == set(PolicySettings.model_fields)
    assert policy_digest(PolicySettings()) == hashlib.sha256(text).hexdigest()


def test_every_key_is_covered_by_the_digest() -> None:
    others: dict[str, Any] = {
        "level": 0.9,
        "required_evidence": (),
        "bounds": {},
        "margins": {},
        "slices": ("a",),
        "card": "c.toml",
        "card_fields": ("owner",),
        "approvals": {"approver": 1},
        "slice_margin": 0.2,
    }
    defaults = PolicySettings()
    values = {
        name: others.get(name) if name in others else getattr(defaults, name) + 1 for name in defaults.model_dump()
    }
    digests = {policy_digest(PolicySettings(**{name: value})) for name, value in values.items()}
    assert len(digests | {policy_digest(defaults)}) == len(values) + 1


def test_the_order_of_keys_and_the_spelling_of_numbers_do_not_count(tmp_path: Path) -> None:
    one = policy_of(tmp_path, "bounds = { roc_auc_lower = 0.9, brier_upper = 1 }\nlevel = 0.95")
    other = policy_of(tmp_path, "level = 0.950\nbounds = { brier_upper = 1.0, roc_auc_lower = 9e-1 }")
    assert policy_digest(one) == policy_digest(other)


def test_the_policy_can_be_set_by_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_POLICY__BOUNDS", '{"accuracy_lower": 0.8}')
    monkeypatch.setenv("VOUCH_POLICY__SLICES", '["age"]')
    policy = policy_of(tmp_path, "slice_bins = 3")
    assert (policy.bounds, policy.slices, policy.slice_bins) == ({"accuracy_lower": 0.8}, ("age",), 3)


@pytest.mark.parametrize(
    "text",
    [
        "bounds = { roc_auc_lowr = 0.9 }",
        "bounds = { roc_auc_lower = 1.5 }",
        "bounds = { brier_upper = -0.1 }",
        "bounds = { calibration_slope_lower = 2, calibration_slope_upper = 1 }",
        "margins = { f1 = 0.1 }",
        "margins = { roc_auc = nan }",
        "approvals = { approver = 0 }",
        'required_evidence = ["a hunch"]',
        "decision_days = 0",
        "levels = 0.9",
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsInvalid, match="policy"):
        policy_of(tmp_path, text)
