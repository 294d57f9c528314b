"""Gather the evidence about a version: its files, its run, its answers on the test rows, and those of the champion."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.data.findings import listed, nearest
from vouchml.data.source import read_source
from vouchml.errors import (
    BundleInvalid,
    DependencyMissing,
    EvidenceMismatch,
    EvidenceMissing,
    EvidenceRefused,
    ScoreUndefined,
    SettingsInvalid,
    TableChanged,
    VersionNotFound,
)
from vouchml.governance.card import read_card
from vouchml.governance.champion_evidence import verify_champion
from vouchml.governance.evidence import Champion, Evidence, Floats, Signed
from vouchml.governance.judged_rows import JudgedRows, Manifest, find_judged_rows, parse_manifest
from vouchml.governance.signed_evidence import is_evidence_name
from vouchml.governance.timing import time_answers
from vouchml.model import Bundle, Scorer, check_golden_rows, load_scorer, open_bundle
from vouchml.model.cells import recoded
from vouchml.model.golden import GOLDEN_FILE
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.evidence_files import fetch_evidence
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store

#: The version tag that counts how often a test set was used.
TEST_SET_TAG: Final = "vouch.judged_on"
MANIFEST_FILE: Final = "run_manifest.json"
#: Files of a run that say again what a part of its manifest says.
_PARTS: Final = ("evaluation", "parity")


@dataclass(frozen=True)
class Fetched:
    """A version with its files and its manifest. `kinds` is the evidence that was found and holds together."""

    version: Version
    bundle: Bundle
    manifest: Manifest
    manifest_sha256: str
    kinds: frozenset[str]

    @property
    def title(self) -> str:
        """What it is called in a message."""
        return f"version {self.version.number}"


def collect_evidence(
    settings: Settings, registry: ModelRegistry, version: Version, *, signed: Signed
) -> tuple[Evidence, Champion | None]:
    """What there is to know about `version`, and the answers of the version that serves on the same rows.

    Raises:
        EvidenceMissing, EvidenceMismatch, BundleInvalid: the version cannot be judged at all.
        TableUnreadable, TableInvalid, TableChanged: its table is not there.
        SettingsInvalid: the policy names a column that the table does not have.
        TrustStoreInvalid: the trust store cannot be read.
    """
    policy = settings.policy
    with _fetched(registry, version, signed.manifest_sha256) as fetched:
        contract = fetched.bundle.contract
        rows = find_judged_rows(settings.data_path, fetched.manifest, fetched.bundle, of=fetched.title)
        scorer = load_scorer(fetched.bundle)
        golden = _golden_kinds(fetched.bundle, scorer)
        times_asked = "latency_microseconds_upper" in policy.bounds
        evidence = Evidence(
            name=version.name,
            version=version.number,
            model_digest=fetched.bundle.digest,
            threshold=contract.threshold,
            is_positive=rows.is_positive(contract.positive.value),
            probabilities=_probabilities(scorer, rows.values, fetched.title),
            test_set_sha256=rows.test_set_sha256,
            kinds=fetched.kinds | golden,
            slices=slice_columns(settings, rows),
            microseconds=time_answers(scorer, rows.values) if times_asked else np.empty(0),
            card=read_card(settings.root / policy.card),
            signed=signed,
            judged_before=_judged_before(registry, version, rows.test_set_sha256),
        )
        return evidence, _champion(settings, registry, fetched, rows)


@contextmanager
def _fetched(registry: ModelRegistry, version: Version, signed_manifest: str | None = None) -> Iterator[Fetched]:
    """The files of `version` in a private folder, which is removed afterwards.

    Its manifest must have the SHA-256 `signed_manifest`, where the trainer signed one.
    """
    with TemporaryDirectory(prefix="vouch-gate-") as temporary:
        files, run = Path(temporary, "files"), Path(temporary, "run")
        files.mkdir()
        run.mkdir()
        registry.fetch(version, files)
        bundle = open_bundle(files)
        title = f"version {version.number}"
        there = registry.fetch_run_files(version, [MANIFEST_FILE, *(f"{part}.json" for part in _PARTS)], run)
        if MANIFEST_FILE not in there:
            raise EvidenceMissing(
                f"The run of {title} has no {MANIFEST_FILE}, so nothing says which rows it may be judged on.",
                remedy="Train it with `vouch train`; a model logged by other means has no manifest.",
            )
        content = (run / MANIFEST_FILE).read_bytes()
        manifest_sha256 = sha256(content).hexdigest()
        if signed_manifest is not None and manifest_sha256 != signed_manifest:
            raise EvidenceMismatch(
                f"{MANIFEST_FILE} of the run of {title} is not the one that its trainer signed.",
                remedy="Somebody changed it in MLflow. Train the version again: vouch train",
            )
        manifest = parse_manifest(content, of=title)
        kinds = {"manifest", *_consistent_parts(run, there, manifest, title)}
        yield Fetched(version, bundle, manifest, manifest_sha256, frozenset(kinds))


def _consistent_parts(run: Path, there: frozenset[str], manifest: Manifest, title: str) -> Iterator[str]:
    for part in _PARTS:
        if f"{part}.json" not in there:
            continue
        try:
            document = json.loads((run / f"{part}.json").read_bytes())
        except ValueError:
            document = None
        if document != getattr(manifest, part):
            raise EvidenceMismatch(
                f"{part}.json of the run of {title} says something else than its manifest.",
                remedy="Somebody changed one of them. Train the version again: vouch train",
            )
        yield part


def _golden_kinds(bundle: Bundle, scorer: Scorer) -> frozenset[str]:
    if not (bundle.folder / GOLDEN_FILE).is_file():
        return frozenset()
    return frozenset({"golden_rows"}) if check_golden_rows(bundle, scorer).rows else frozenset()


def _probabilities(scorer: Scorer, rows: NDArray[np.float64], title: str) -> Floats:
    p = np.asarray(scorer.positive_probability(np.ascontiguousarray(rows)), dtype=np.float64)
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise BundleInvalid(f"The model of {title} gives no probability for a test row.", remedy="Train it again.")
    return p


def slice_columns(settings: Settings, rows: JudgedRows) -> Mapping[str, NDArray[Any]]:
    """The columns that the policy cuts by, features or not, on the test rows."""
    if not settings.policy.slices:
        return {}
    columns = {column.name: column for column in read_source(settings.data_path).columns}
    found: dict[str, NDArray[Any]] = {}
    for name in settings.policy.slices:
        if name not in columns:
            raise SettingsInvalid(
                f"[policy] slices names {name!r}, which is not a column of the table{nearest(name, columns)}.",
                remedy="Name a column of the table; it need not be a feature.",
            )
        column = columns[name]
        if column.kind == "text":
            texts = np.array(["missing" if cell is None else cell for cell in column.texts.to_pylist()], dtype=object)
            found[name] = texts[rows.row_ids]
        else:
            found[name] = column.numbers[rows.row_ids]
    return found


def _judged_before(registry: ModelRegistry, version: Version, test_set_sha256: str) -> tuple[int, ...]:
    return tuple(
        sorted(
            other.number
            for other in registry.versions(version.name)
            if other.number != version.number and other.tags.get(TEST_SET_TAG) == test_set_sha256
        )
    )


def _champion(settings: Settings, registry: ModelRegistry, challenger: Fetched, rows: JudgedRows) -> Champion | None:
    """The version that serves, scored on the test rows of `challenger`; None where that is the challenger or nobody.

    It is scored from the private copy that its signature was verified over.
    """
    name = challenger.version.name
    number = registry.pointer(name, settings.project.stage).version
    if number is None or number == challenger.version.number:
        return None
    try:
        with _fetched(registry, registry.version(name, str(number))) as champion:
            doubts = verify_champion(
                champion.bundle.folder,
                champion.bundle.digest,
                fetch_evidence(registry, champion.version, is_evidence_name),
                read_trust_store(settings.trust_store_path),
                model=name,
                number=number,
                manifest_sha256=champion.manifest_sha256,
                needs_provenance="provenance" in settings.policy.required_evidence,
            )
            scored = _scored(settings, champion, challenger, rows)
            return replace(scored, notes=(*doubts, *scored.notes))
    except EvidenceRefused as error:
        return Champion(
            version=number,
            problem=f"version {number} cannot be compared: {error.message}",
            notes=(
                f"Version {number} is not compared with: {error.message} If MLflow holds the files that were promoted, "
                f"have them signed: vouch sign {number} (--again if a signature is there). Otherwise promote a version "
                "that is signed, or have a person accept that nothing was compared.",
            ),
        )
    except (
        BundleInvalid,
        DependencyMissing,
        EvidenceMissing,
        EvidenceMismatch,
        ScoreUndefined,
        TableChanged,
        VersionNotFound,
    ) as error:
        return Champion(version=number, problem=f"version {number} cannot be compared: {error.message}")


def _scored(settings: Settings, champion: Fetched, challenger: Fetched, rows: JudgedRows) -> Champion:
    number, contract = champion.version.number, champion.bundle.contract
    if (contract.target, contract.positive.value) != (
        challenger.bundle.contract.target,
        challenger.bundle.contract.positive.value,
    ):
        return Champion(version=number, problem=f"version {number} predicts something else")
    places = {feature: place for place, feature in enumerate(rows.table.names)}
    if missing := [feature for feature in contract.feature_names if feature not in places]:
        return Champion(
            version=number,
            problem=f"version {number} takes {len(missing)} features that this version was trained without",
        )
    unseen = np.ones(len(rows.test), dtype=np.bool_)
    notes: tuple[str, ...] = ()
    if contract.data_sha256 == rows.table.bytes_sha256:
        own = find_judged_rows(settings.data_path, champion.manifest, champion.bundle, of=champion.title)
        unseen = ~np.isin(rows.row_ids, own.trained_row_ids)
    else:
        notes = (
            f"Version {number} was trained on another table. Whether it has seen these test rows is not known; if so, "
            "the comparison favours it.",
        )
    values = rows.values[unseen][:, [places[feature] for feature in contract.feature_names]]
    if not len(values):
        return Champion(version=number, problem=f"version {number} was trained on all of these test rows")
    own_features = [challenger.bundle.contract.features[places[name]] for name in contract.feature_names]
    values, wrong = recoded(values, own_features, contract.features)
    if wrong:
        problem = f"version {number} does not take what these test rows have in {listed(wrong)}"
        return Champion(version=number, problem=problem)
    return Champion(
        version=number,
        model_digest=champion.bundle.digest,
        threshold=contract.threshold,
        rows=unseen,
        probabilities=_probabilities(load_scorer(champion.bundle), values, champion.title),
        notes=notes + _seen_note(number, unseen),
    )


def _seen_note(number: int, unseen: NDArray[np.bool_]) -> tuple[str, ...]:
    seen = int(np.count_nonzero(~unseen))
    if not seen:
        return ()
    return (f"Version {number} was trained on {seen} of the {len(unseen)} test rows; it is compared on the others.",)
