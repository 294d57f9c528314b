"""The gate over real versions in a real MLflow database."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.governance.made_evidence import make_evidence
from tests.governance.signed_files import sign_files

from vouchml.canonical_json import canonical_json
from vouchml.errors import SettingsInvalid
from vouchml.governance.collection import TEST_SET_TAG
from vouchml.governance.finding import Verdict
from vouchml.governance.gate import evaluate, gate_version
from vouchml.governance.outcome import Outcome
from vouchml.governance.policy import policy_digest
from vouchml.registry import ModelRegistry
from vouchml.settings import ModelSettings, PolicySettings, Settings, TrainingSettings
from vouchml.training import train

AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def with_policy(settings: Settings, **policy: Any) -> Settings:
    changed = PolicySettings(**{**settings.policy.model_dump(), **policy})
    return settings.model_copy(update={"policy": changed})


def registry_of(settings: Settings) -> ModelRegistry:
    return ModelRegistry.connect(settings.tracking_uri)


def promote(settings: Settings, version: int) -> None:
    name, stage = settings.project.registered_model, settings.project.stage
    sign_files(settings, str(version))
    registry_of(settings).promote(name, str(version), stage=stage, who="a test", why="to compare with it")


def by_rule(outcome: Outcome) -> dict[str, Verdict]:
    return {finding.rule: finding.verdict for finding in outcome.findings}


def test_the_shipped_policy_passes_for_the_shipped_data(judged_project: Settings) -> None:
    outcome = gate_version(judged_project, "1")
    assert outcome.verdict is Verdict.PASS
    assert outcome.deciding == ()
    assert outcome.warnings == ()
    assert (outcome.test_rows, outcome.test_positives) == (114, 72)
    assert outcome.policy_digest == policy_digest(judged_project.policy)


def test_the_default_policy_passes_for_the_shipped_data_too(judged_project: Settings) -> None:
    plain = judged_project.model_copy(update={"policy": PolicySettings()})
    assert gate_version(plain, "1").verdict is Verdict.PASS


def test_the_rows_that_are_judged_are_those_of_the_evaluation_at_training(judged_project: Settings) -> None:
    settings = with_policy(judged_project, bounds={"roc_auc_lower": 0.9, "brier_upper": 0.1, "accuracy_lower": 0.8})
    outcome = gate_version(settings, "1")
    version = registry_of(settings).version(settings.project.registered_model, "1")
    logged = registry_of(settings).client.get_run(version.run_id).data.metrics
    found = {finding.rule: finding.value for finding in outcome.findings}
    for rule, metric in (("roc_auc_lower", "roc_auc"), ("brier_upper", "brier"), ("accuracy_lower", "accuracy")):
        assert found[f"bounds.{rule}"] == pytest.approx(logged[metric], abs=1e-9)


def test_a_version_that_is_worse_than_the_champion_fails_and_says_by_what(judged_project: Settings) -> None:
    promote(judged_project, 1)
    outcome = gate_version(judged_project, "2")
    assert outcome.verdict is Verdict.FAIL
    assert [finding.rule for finding in outcome.deciding] == ["margins.log_loss"]
    assert outcome.champion == 1
    assert by_rule(outcome)["margins.roc_auc"] is Verdict.PASS


def test_the_champion_is_not_compared_with_itself(judged_project: Settings) -> None:
    promote(judged_project, 1)
    outcome = gate_version(judged_project, "1")
    assert outcome.champion is None
    assert by_rule(outcome)["margins.log_loss"] is Verdict.NOT_APPLICABLE
    assert outcome.verdict is Verdict.PASS


def test_a_champion_of_another_split_is_compared_on_the_rows_that_it_has_not_seen(judged_project: Settings) -> None:
    promote(judged_project, 1)
    training = TrainingSettings(cv_folds=2, bootstrap_resamples=100, random_state=7)
    trained = train(judged_project.model_copy(update={"training": training}))
    assert trained.version is not None
    outcome = gate_version(judged_project, str(trained.version.number))
    rows = {finding.rows for finding in outcome.findings if finding.rule.startswith("margins.")}
    assert len(rows) == 1
    unseen = rows.pop()
    assert unseen is not None
    assert 0 < unseen < 114
    assert outcome.warnings == (
        "Nobody signed which rows version 1 was trained on.",
        "No decision of a gate counts for version 1, with which this one is compared.",
        f"Version 1 was trained on {114 - unseen} of the 114 test rows; it is compared on the others.",
    )


def test_a_champion_of_another_table_is_compared_and_the_doubt_is_named(judged_project: Settings) -> None:
    promote(judged_project, 1)
    lines = judged_project.data_path.read_text(encoding="utf-8").splitlines()
    judged_project.data_path.write_text("\n".join(lines[:-5]) + "\n", encoding="utf-8")
    trained = train(judged_project.model_copy(update={"training": TrainingSettings(cv_folds=2)}))
    assert trained.version is not None
    outcome = gate_version(judged_project, str(trained.version.number))
    assert outcome.champion == 1
    assert by_rule(outcome)["margins.roc_auc"] is not Verdict.NOT_APPLICABLE
    assert "trained on another table" in outcome.warnings[-1]


def test_a_champion_that_takes_a_column_which_this_version_lacks_is_left_to_a_person(judged_project: Settings) -> None:
    promote(judged_project, 1)
    data = judged_project.data.model_copy(update={"exclude": ("mean radius", "mean texture")})
    quick = TrainingSettings(cv_folds=2, bootstrap_resamples=100)
    trained = train(judged_project.model_copy(update={"data": data, "training": quick}))
    assert trained.version is not None
    outcome = gate_version(judged_project, str(trained.version.number))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert {finding.found for finding in outcome.deciding} == {
        "version 1 takes 2 features that this version was trained without"
    }


def test_uses_of_the_same_test_rows_are_counted_and_warned_about(judged_project: Settings) -> None:
    settings = with_policy(judged_project, test_set_uses=2)
    first, again, second = (gate_version(settings, version) for version in ("1", "1", "2"))
    assert (first.judged_before, again.judged_before, second.judged_before) == ((), (), (1,))
    assert (first.warnings, again.warnings) == ((), ())
    assert "2 versions were judged on these test rows" in second.warnings[0]
    tags = registry_of(settings).version(settings.project.registered_model, "2").tags
    assert tags[TEST_SET_TAG] == second.test_set_sha256 == first.test_set_sha256


def test_slices_may_be_cut_by_a_column_that_is_not_a_feature(judged_project: Settings) -> None:
    settings = with_policy(judged_project, slices=("target", "mean area"), slice_margin=0.3)
    verdicts = by_rule(gate_version(settings, "1"))
    assert (verdicts["slices.target"], verdicts["slices.mean area"]) == (Verdict.PASS, Verdict.PASS)
    with pytest.raises(SettingsInvalid, match="did you mean 'mean area'"):
        gate_version(with_policy(judged_project, slices=("mean are",)), "1")


def test_latency_is_measured_and_the_card_is_read_where_the_policy_asks(judged_project: Settings) -> None:
    bounds = {"latency_microseconds_upper": 1e6}
    settings = with_policy(judged_project, bounds=bounds, card_fields=("intended_use",))
    assert by_rule(gate_version(settings, "1"))["card.intended_use"] is Verdict.FAIL
    (judged_project.root / "model_card.toml").write_text('intended_use = "A test."\n', encoding="utf-8")
    verdicts = by_rule(gate_version(settings, "1"))
    assert verdicts["card.intended_use"] is Verdict.PASS
    assert verdicts["bounds.latency_microseconds_upper"] is Verdict.PASS
    (judged_project.root / "model_card.toml").write_text("intended_use = ", encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=r"model_card\.toml is not TOML"):
        gate_version(settings, "1")


def test_a_model_of_trees_is_judged_too(judged_project: Settings) -> None:
    model = ModelSettings(estimator="random_forest", parameters={"n_estimators": 10})
    quick = TrainingSettings(cv_folds=2, bootstrap_resamples=100)
    trained = train(judged_project.model_copy(update={"model": model, "training": quick}))
    assert trained.version is not None
    assert gate_version(judged_project, str(trained.version.number)).verdict is Verdict.PASS


def test_the_outcome_is_canonical_json_with_finite_numbers() -> None:
    policy = PolicySettings(bounds={"roc_auc_lower": 0.9, "calibration_slope_lower": 0.1}, approvals={"approver": 1})
    outcome = evaluate(policy, make_evidence(), None, at=AT)
    document = json.loads(canonical_json(outcome.to_dict()))
    assert document["outcome"] == "FAIL"
    assert document["decided_by"] == ["approvals.approver"]
    assert document["at"] == "2026-01-31T12:00:00Z"
    assert document["valid_until"] == "2026-05-01T12:00:00Z"
    numbers = [value for rule in document["rules"] for value in rule.values() if isinstance(value, float)]
    assert numbers
    assert all(math.isfinite(number) for number in numbers)
    assert all(set(rule) == set(document["rules"][0]) for rule in document["rules"])


def test_a_decision_is_valid_for_as_many_days_as_the_policy_says() -> None:
    outcome = evaluate(PolicySettings(decision_days=3), make_evidence(), None, at=AT)
    assert outcome.valid_until - outcome.at == timedelta(days=3)


def test_the_worst_finding_is_the_verdict() -> None:
    evidence = make_evidence()
    undecided = {"roc_auc_lower": 0.5, "calibration_error_upper": 0.03}
    outcomes = [
        evaluate(PolicySettings(**policy), evidence, None, at=AT).verdict
        for policy in (
            {"bounds": {"roc_auc_lower": 0.5}},
            {"bounds": undecided},
            {"bounds": undecided, "minimum_rows": 401},
        )
    ]
    assert outcomes == [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]


def test_the_same_evidence_gives_the_same_outcome_to_the_last_bit() -> None:
    evidence = make_evidence()
    policy = PolicySettings(bounds={"brier_upper": 0.1, "log_loss_upper": 0.5, "calibration_error_upper": 0.1})
    first, again = (evaluate(policy, replace(evidence), None, at=AT) for _ in range(2))
    assert canonical_json(first.to_dict()) == canonical_json(again.to_dict())
