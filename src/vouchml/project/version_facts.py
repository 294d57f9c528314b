"""What there is to say about a version, in parts that another version's can be held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from vouchml.errors import EvidenceRefused
from vouchml.governance.admission import require_signed
from vouchml.governance.decision import read_decision
from vouchml.governance.signed_evidence import DECISION, EvidenceFiles, dated_files
from vouchml.governance.verified_evidence import verify_evidence
from vouchml.model import Bundle, Contract
from vouchml.settings import Settings
from vouchml.trust.trust_store import TrustedKey, TrustStore

#: Said under `split`, `evaluation` and `environment`, and counts of no interest beside them.
_OF_DATA = ("bytes_sha256", "content_sha256", "file_rows", "rows", "columns", "class_counts", "duplicates_dropped")
_OF_ENVIRONMENT = ("python", "implementation", "platform", "libraries", "lock_sha256", "thread_variables", "cpu_count")


def facts_of_manifest(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The parts of a run manifest: data, settings, split, environment and git."""
    data, environment = _part(manifest, "data"), _part(manifest, "environment")
    return {
        "data": {name: data.get(name) for name in _OF_DATA},
        "settings": _part(manifest, "settings"),
        "split": _part(manifest, "split"),
        "environment": {
            **{name: environment.get(name) for name in _OF_ENVIRONMENT},
            "thread_pools": _pools(environment),
            "installed": dict(_installed(environment)),
        },
        "git": _part(environment, "git"),
    }


def facts_of_contract(contract: Contract) -> dict[str, Any]:
    """The contract, each feature by its name; and their order, where two contracts have the same ones."""
    document = contract.model_dump(mode="json", exclude={"features"})
    features = {each.name: each.model_dump(mode="json", exclude={"name"}) for each in contract.features}
    return {**document, "features": features}


def facts_of_evidence(settings: Settings, bundle: Bundle, files: EvidenceFiles, trust: TrustStore) -> dict[str, Any]:
    """What is signed about a version and counts now, and what does not count."""
    now, model = datetime.now(UTC), settings.project.registered_model
    author: TrustedKey | None = None
    refused: dict[str, str] = {}
    try:
        author = require_signed(bundle.folder, bundle.digest, files, trust, model=model, at=now)
    except EvidenceRefused as error:
        refused["signature"] = error.message
    found = verify_evidence(
        files, bundle.digest, trust, model=model, author=author, separation=settings.trust.separation, at=now
    )
    decisions = []
    for name, content in dated_files(files, DECISION):
        try:
            decision = read_decision(name, content, bundle.digest, trust, model=model, at=now)
        except EvidenceRefused as error:
            refused[name] = error.message
        else:
            decisions.append(f"{decision.verdict}, {decision.decided_at:%Y-%m-%dT%H:%M:%SZ}, {decision.signer.name}")
    return {
        "signed_by": author.name if author else None,
        "statements": sorted(found.signed.kinds),
        "decisions": decisions,
        "approvals": [f"{each.meaning} by {each.signer.name}: {each.reason}" for each in found.approvals],
        "not_counted": {**{name: error.message for name, error in found.refused.items()}, **refused},
    }


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = document.get(name)
    return part if isinstance(part, Mapping) else {}


def _pools(environment: Mapping[str, Any]) -> list[str]:
    pools = environment.get("thread_pools")
    return [
        " ".join(str(pool.get(name)) for name in ("library", "version", "architecture"))
        for pool in (pools if isinstance(pools, list) else ())
        if isinstance(pool, Mapping)
    ]


def _installed(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for text in environment.get("installed") or ():
        name, _, version = str(text).partition("==")
        yield name, version
