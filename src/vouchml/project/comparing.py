"""What differs between two versions: from the table to the approvals, and what they answer to the same rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vouchml.errors import TableChanged, TableInvalid, TableUnreadable
from vouchml.governance.common_rows import CommonRows, Judged, compare_on_common_rows
from vouchml.governance.difference import Difference, differences
from vouchml.governance.judged_rows import find_judged_rows
from vouchml.governance.signed_evidence import is_evidence_name
from vouchml.model import load_scorer
from vouchml.project.trained_files import TrainedFiles, fetch_trained
from vouchml.project.version_facts import facts_of_contract, facts_of_evidence, facts_of_manifest
from vouchml.registry import ModelRegistry
from vouchml.registry.evidence_files import fetch_evidence
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class ComparedVersion:
    """One of the two: its number, its digest, its run, and what there is to say about it by part."""

    number: int
    run_id: str | None
    model_digest: str
    facts: Facts
    metrics: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class VersionsCompared:
    """What differs between `first` and `second`, by part. `common` is None where their test rows are not here."""

    name: str
    first: ComparedVersion
    second: ComparedVersion
    parts: Mapping[str, tuple[Difference, ...]]
    common: CommonRows | None
    not_compared: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        sides = {"first": self.first, "second": self.second}
        return {
            "name": self.name,
            **{
                side: {"version": each.number, "run_id": each.run_id, "model_digest": each.model_digest}
                for side, each in sides.items()
            },
            "differences": {part: [asdict(each) for each in found] for part, found in self.parts.items()},
            "metrics": {side: dict(each.metrics) for side, each in sides.items()},
            "common_test_rows": self.common.to_dict() if self.common else None,
            "not_compared": self.not_compared,
        }


def compare_versions(
    settings: Settings, first: str, second: str, *, progress: Callable[[str], None] = lambda _: None
) -> VersionsCompared:
    """Compare the versions that `first` and `second` name.

    Raises:
        RegistryUnreachable, VersionNotFound, BundleInvalid: one of them cannot be had.
        EvidenceMissing, EvidenceMismatch: the run of one has no manifest, or one that is about another model.
        EvidenceUnreadable, TrustStoreInvalid: what is signed cannot be read.
    """
    progress("Reaching MLflow")
    registry = ModelRegistry.connect(settings.tracking_uri)
    name = settings.project.registered_model
    versions = [registry.version(name, reference) for reference in (first, second)]
    with TemporaryDirectory(prefix="vouch-diff-") as temporary:
        sides = [fetch_trained(registry, version, Path(temporary, f"{n}")) for n, version in enumerate(versions)]
        progress("Verifying what is signed")
        one, two = (_compared(settings, registry, side) for side in sides)
        progress("Scoring the common test rows")
        common, problem = _common(settings, *sides)
    parts = {part: tuple(differences(one.facts[part], two.facts[part])) for part in one.facts}
    return VersionsCompared(name, one, two, parts, common, problem)


def _compared(settings: Settings, registry: ModelRegistry, side: TrainedFiles) -> ComparedVersion:
    manifest = json.loads(side.manifest_path.read_bytes())
    evidence = fetch_evidence(registry, side.version, is_evidence_name)
    contract = side.bundle.contract
    return ComparedVersion(
        number=side.version.number,
        run_id=side.version.run_id,
        model_digest=side.bundle.digest,
        facts={
            **facts_of_manifest(manifest),
            "contract": {**facts_of_contract(contract), "feature_order": list(contract.feature_names)},
            "evidence": facts_of_evidence(settings, side.bundle, evidence, read_trust_store(settings.trust_store_path)),
        },
        metrics=_metrics(side),
    )


def _metrics(side: TrainedFiles) -> dict[str, Mapping[str, float]]:
    metrics = side.manifest.evaluation.get("metrics")
    return {name: dict(each) for name, each in metrics.items()} if isinstance(metrics, Mapping) else {}


def _common(settings: Settings, first: TrainedFiles, second: TrainedFiles) -> tuple[CommonRows | None, str]:
    """Both on the rows that both were tested on, or why not."""
    if first.manifest.data.bytes_sha256 != second.manifest.data.bytes_sha256:
        return None, "They were trained on different tables, so no row was tested on by both."
    try:
        one, two = (_judged(settings, side) for side in (first, second))
    except (TableUnreadable, TableInvalid, TableChanged) as error:
        return None, error.message
    return compare_on_common_rows(one, two, settings.policy), ""


def _judged(settings: Settings, side: TrainedFiles) -> Judged:
    rows = find_judged_rows(settings.data_path, side.manifest, side.bundle, of=side.title)
    return Judged(rows, side.bundle.contract, load_scorer(side.bundle))
