"""The gate: hold a version against the policy, and say PASS, FAIL or INCONCLUSIVE.

All rules must pass, so the chance that a version passes which breaks one of them is never larger than that of the one
rule. docs/gates.md has every rule, its source, and simulated error rates.

```python
outcome = gate_version(settings, "3")
outcome.verdict, outcome.deciding
```
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from vouchml.governance.collection import TEST_SET_TAG, collect_evidence
from vouchml.governance.evidence import Champion, Evidence, Signed
from vouchml.governance.outcome import Outcome
from vouchml.governance.policy import policy_digest
from vouchml.governance.rules import CHECKS
from vouchml.registry import ModelRegistry
from vouchml.settings import PolicySettings, Settings


def gate_version(
    settings: Settings,
    reference: str,
    *,
    signed: Signed | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Judge the version that `reference` names, and count the use of its test rows in the registry.

    `signed` is what verified statements say about it; without it there are none.

    Raises:
        RegistryUnreachable, VersionNotFound: MLflow does not answer, or has no such version.
        EvidenceMissing, EvidenceMismatch, BundleInvalid, DependencyMissing: the version cannot be judged at all.
        TableUnreadable, TableInvalid, TableChanged: its table is not there.
        SettingsInvalid: the policy or the card cannot be used.
        TrustStoreInvalid: the trust store, by which the champion's signature counts, cannot be read.
    """
    progress("Reaching MLflow")
    registry = ModelRegistry.connect(settings.tracking_uri)
    version = registry.version(settings.project.registered_model, reference)
    progress("Scoring the test rows")
    evidence, champion = collect_evidence(settings, registry, version, signed=signed or Signed())
    progress("Applying the policy")
    outcome = evaluate(settings.policy, evidence, champion, at=datetime.now(UTC))
    registry.tag(version, TEST_SET_TAG, evidence.test_set_sha256)
    return outcome


def evaluate(policy: PolicySettings, evidence: Evidence, champion: Champion | None, *, at: datetime) -> Outcome:
    """Apply `policy` to `evidence`, compared with `champion` where there is one; the decision is as of `at`, in UTC.

    Missing evidence fails: a rule that cannot be checked is a rule that was not met. A bound is met only if the whole
    interval meets it, broken only if the whole interval breaks it, and undecided in between.
    """
    findings = tuple(finding for check in CHECKS.values() for finding in check(policy, evidence, champion))
    return Outcome(
        name=evidence.name,
        version=evidence.version,
        model_digest=evidence.model_digest,
        policy_digest=policy_digest(policy),
        test_set_sha256=evidence.test_set_sha256,
        test_rows=len(evidence.is_positive),
        test_positives=int(evidence.is_positive.sum()),
        champion=champion.version if champion else None,
        champion_digest=champion.model_digest or None if champion else None,
        judged_before=evidence.judged_before,
        findings=findings,
        warnings=_warnings(policy, evidence, champion),
        at=at,
        valid_until=at + timedelta(days=policy.decision_days),
    )


def _warnings(policy: PolicySettings, evidence: Evidence, champion: Champion | None) -> tuple[str, ...]:
    uses = len(evidence.judged_before) + 1
    reused = (
        f"{uses} versions were judged on these test rows. The more there are, the more the best of them owes to luck: "
        "test on rows that no version was chosen by.",
    )
    return (reused if uses >= policy.test_set_uses else ()) + (champion.notes if champion else ())
