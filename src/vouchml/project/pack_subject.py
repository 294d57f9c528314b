"""Gather what a pack, a model card and a bill of materials are made from: a version, its run, and what people said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from vouchml.errors import EvidenceMissing, EvidenceRefused
from vouchml.governance.approvals import read_approvals
from vouchml.governance.card import read_card
from vouchml.governance.decision import Decision, newest_decision
from vouchml.governance.judged_rows import parse_manifest
from vouchml.governance.pack.model_card import PLOTS
from vouchml.governance.pack.subject import ModelFile, PackSubject
from vouchml.governance.policy import policy_digest, policy_text
from vouchml.model import open_bundle
from vouchml.model.contract import CONTRACT_FILE
from vouchml.project.private_copy import PrivateCopy
from vouchml.registry import ModelRegistry, Version
from vouchml.settings import Settings
from vouchml.trust.dsse import read_envelope
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.signed_files import take_stock
from vouchml.trust.statement import read_statement

MANIFEST_FILE: Final = "run_manifest.json"


def pack_subject(settings: Settings, registry: ModelRegistry, copy: PrivateCopy, ring: KeyRing) -> PackSubject:
    """What there is about the version in `copy` now.

    Raises:
        EvidenceMissing, EvidenceMismatch: its run has no manifest, or one that is about something else.
        BundleInvalid: its files are not those of a model.
        SettingsInvalid: the card cannot be read.
    """
    version = copy.version
    content, plots = _run_files(registry, version)
    parse_manifest(content, of=f"version {version.number}")
    trust, at = ring.store(), datetime.now(UTC).replace(microsecond=0)
    decision = _decision(copy, ring, at)
    approvals, _ = read_approvals(copy.evidence, copy.digest, trust, model=version.name, at=at)
    is_by_this_policy = decision is not None and decision.policy == policy_digest(settings.policy)
    return PackSubject(
        name=version.name,
        version=version.number,
        run=version.run_id or "",
        digest=copy.digest,
        at=at,
        files=tuple(
            ModelFile(file.path, file.sha256, (copy.folder / file.path).stat().st_size)
            for file in take_stock(copy.folder)
        ),
        contract=open_bundle(copy.folder).contract,
        contract_bytes=(copy.folder / CONTRACT_FILE).read_bytes(),
        manifest=json.loads(content),
        manifest_bytes=content,
        evidence=copy.evidence,
        trust=ring.store_path.read_bytes() if ring.store_path.exists() else b"",
        separation=settings.trust.separation,
        settings_policy=settings.policy,
        policy=policy_text(settings.policy) if is_by_this_policy else None,
        card=read_card(settings.root / settings.policy.card),
        plots=plots,
        decision=decision,
        rules={} if decision is None else _rules(copy.evidence[decision.file]),
        approvals=approvals,
    )


def _run_files(registry: ModelRegistry, version: Version) -> tuple[bytes, Mapping[str, bytes]]:
    with TemporaryDirectory(prefix="vouch-pack-") as temporary:
        folder = Path(temporary)
        there = registry.fetch_run_files(version, [MANIFEST_FILE, *PLOTS], folder)
        if MANIFEST_FILE not in there:
            raise EvidenceMissing(
                f"The run of version {version.number} has no {MANIFEST_FILE}, so nothing says where it comes from.",
                remedy="Train it with `vouch train`; a model logged by other means has no manifest.",
            )
        files = {name: (folder / name).read_bytes() for name in there}
        return files.pop(MANIFEST_FILE), files


def _decision(copy: PrivateCopy, ring: KeyRing, at: datetime) -> Decision | None:
    try:
        return newest_decision(copy.evidence, copy.digest, ring.store(), model=copy.version.name, at=at)
    except EvidenceRefused:
        return None


def _rules(content: bytes) -> Mapping[str, Any]:
    """What a decision that counts says that the gate found."""
    ours: Mapping[str, Any] = read_statement(read_envelope(content)).predicate["vouchml"]
    rules: Mapping[str, Any] = ours["rules"]
    return rules
