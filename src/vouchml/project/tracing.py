"""The whole trace of a prediction: what the ledger proves, and from the version on what the registry has to say.

The registry is not the authority: what it says is held against the digests that the ledger recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from vouchml.errors import BundleInvalid, VouchError
from vouchml.ledger.link import LinkStatus
from vouchml.ledger.search import predictions_of
from vouchml.ledger.store.base import LedgerStore
from vouchml.ledger.trace import MOST_TRACED, Trace, trace_prediction
from vouchml.ledger.trace_link import TraceLink
from vouchml.model.contract import contract_sha256
from vouchml.project.recorded_versions import RecordedVersions
from vouchml.project.traced_decision import decision_link
from vouchml.registry import ModelRegistry, Version
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store

MANIFEST_FILE: Final = "run_manifest.json"


def trace(settings: Settings, store: LedgerStore, name: str, *, row: int | None = None) -> tuple[list[Trace], int]:
    """The traces of the predictions with the id `name`, the first twenty, and how many there are.

    Raises:
        RecordNotFound: there is none.
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read.
        TrustStoreInvalid: the trust store cannot be read.
    """
    places = predictions_of(store, name, row=row)
    trust = read_trust_store(settings.trust_store_path)
    origins: dict[str, tuple[TraceLink, ...]] = {}
    traces = []
    for place in places[:MOST_TRACED]:
        traced = trace_prediction(store, place, trust)
        served = traced.leaf["served"]
        # Whether a decision was valid depends on when the answer was made.
        key = json.dumps([served, traced.leaf["time"] if served["decision"] else None])
        if key not in origins:
            origins[key] = tuple(_origin(settings, traced.leaf))
        traces.append(replace(traced, links=(*traced.links, *origins[key])))
    return traces, len(places)


def _origin(settings: Settings, leaf: Mapping[str, Any]) -> Iterator[TraceLink]:
    """From the version on: its files, the decision on it, its run, the run's manifest, the table."""
    served = leaf["served"]
    yield from _files(settings, served)
    try:
        registry = ModelRegistry.connect(settings.tracking_uri)
        version = registry.version(served["name"], served["version"])
    except VouchError as error:
        yield _link("run", LinkStatus.NOT_CHECKED, error.message, run=served["run"])
    else:
        if served["decision"] is not None:
            yield decision_link(settings, registry, version, leaf)
        yield _run(served, version)
        yield _manifest(registry, version, served)
    yield _table(settings, served)


def _files(settings: Settings, served: Mapping[str, Any]) -> Iterator[TraceLink]:
    named = {"name": served["name"], "version": served["version"]}
    try:
        bundle = RecordedVersions(settings).bundle(served)
    except BundleInvalid as error:
        yield _link("version", LinkStatus.FAILED, error.message, **named, model_digest=served["model"])
        return
    except VouchError as error:
        yield _link("version", LinkStatus.NOT_CHECKED, error.message, **named, model_digest=served["model"])
        return
    reason = f"The files of version {served['version']} have the model digest that the ledger recorded."
    yield _link("version", LinkStatus.VERIFIED, reason, **named, model_digest=served["model"])
    digest = contract_sha256(bundle.folder)
    if digest == served["contract"] and bundle.contract.data_sha256 == served["data"]:
        reason = "It is the recorded one, and names the recorded data."
        yield _link("contract", LinkStatus.VERIFIED, reason, sha256=digest)
    else:
        reason = "It is another one than was recorded, or names other data."
        yield _link("contract", LinkStatus.FAILED, reason, sha256=digest)


def _run(served: Mapping[str, Any], version: Version) -> TraceLink:
    if version.run_id != served["run"]:
        reason = "The registry names another run of this version now than the ledger recorded."
        return _link("run", LinkStatus.FAILED, reason, run=served["run"], registry=version.run_id)
    if version.run_id is None:
        return _link("run", LinkStatus.NOT_CHECKED, "The version was registered without a run.", run=None)
    return _link("run", LinkStatus.VERIFIED, "The registry names the same run of this version.", run=version.run_id)


def _manifest(registry: ModelRegistry, version: Version, served: Mapping[str, Any]) -> TraceLink:
    try:
        with TemporaryDirectory() as name:
            folder = Path(name)
            if not registry.fetch_run_files(version, [MANIFEST_FILE], folder):
                return _link("manifest", LinkStatus.NOT_CHECKED, f"The run has no {MANIFEST_FILE}.")
            content = (folder / MANIFEST_FILE).read_bytes()
    except VouchError as error:
        return _link("manifest", LinkStatus.NOT_CHECKED, error.message)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        manifest = json.loads(content)
        said = {"data": manifest["data"]["bytes_sha256"], "contract": manifest["contract_sha256"]}
    except (ValueError, KeyError, TypeError):
        return _link("manifest", LinkStatus.FAILED, f"The {MANIFEST_FILE} of the run cannot be read.", sha256=sha256)
    if said != {"data": served["data"], "contract": served["contract"]}:
        reason = "The manifest of the run names other data or another contract than the ledger recorded."
        return _link("manifest", LinkStatus.FAILED, reason, sha256=sha256)
    reason = "The manifest of the run names the recorded data and contract."
    return _link("manifest", LinkStatus.VERIFIED, reason, sha256=sha256)


def _table(settings: Settings, served: Mapping[str, Any]) -> TraceLink:
    facts = {"sha256": served["data"], "path": settings.data.path}
    try:
        with settings.data_path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return _link("data", LinkStatus.NOT_CHECKED, "The table of [data] path is not here.", **facts)
    if found != served["data"]:
        reason = "The table of [data] path has other bytes now; the one that was trained on is not here."
        return _link("data", LinkStatus.NOT_CHECKED, reason, **facts)
    return _link("data", LinkStatus.VERIFIED, "The table of [data] path has the recorded SHA-256.", **facts)


def _link(name: str, status: LinkStatus, reason: str, /, **facts: Any) -> TraceLink:
    return TraceLink("origin", name, status, reason, facts)
