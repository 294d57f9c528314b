"""Make the pack of a version: gather what MLflow, the ledger and people have about it, and write it into one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from vouchml.errors import (
    CheckpointAwaited,
    EvidenceMismatch,
    FileUnusable,
    SigningKeyNotFound,
)
from vouchml.governance.document_statements import signed_documents
from vouchml.governance.pack.archive import pack_bytes
from vouchml.governance.pack.card_fields import all_fields
from vouchml.governance.pack.contents import pack_files
from vouchml.governance.pack.events import event_receipts
from vouchml.governance.pack.index import INDEX_FILE, SIGNED_INDEX_FILE, sign_index
from vouchml.governance.pack.subject import PackSubject
from vouchml.governance.signed_evidence import EVALUATION_FILE, PROVENANCE_FILE
from vouchml.project.open_ledger import reading
from vouchml.project.pack_subject import MANIFEST_FILE, pack_subject
from vouchml.project.private_copy import PrivateCopy, private_copy
from vouchml.project.receipts import newest_checkpoint
from vouchml.registry import ModelRegistry, Version
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.model_signature import SIGNATURE_FILE
from vouchml.trust.signed_files import take_stock
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.trust_store import TrustedKey


@dataclass(frozen=True)
class Packed:
    """A pack that was written: what it is about, its files, whose key signed its index, and what it lacks, with why.

    `signed_by` is None where no key to sign it is on this machine.
    """

    version: Version
    digest: str
    files: int
    sha256: str
    signed_by: str | None
    missing: tuple[tuple[str, str], ...]


def make_pack(
    settings: Settings,
    reference: str,
    output: Path,
    *,
    with_model: bool = False,
    name: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Packed:
    """Write the pack of a version to `output`; the index is signed by the evaluator's key `name`, or the only one.

    What is not there is left out and named in the pack: a pack shows what is known, and its verifier says what that is
    worth.

    Raises:
        VersionNotFound, RegistryUnreachable: MLflow does not have the version.
        EvidenceMissing, EvidenceMismatch: its run has no manifest, or one that is about something else.
        BundleInvalid, EvidenceUnreadable: its files or its evidence cannot be read.
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read.
        FileUnusable: the pack cannot be written.
    """
    progress("Reaching MLflow")
    registry = ModelRegistry.connect(settings.tracking_uri)
    version = registry.version(settings.project.registered_model, reference)
    ring = KeyRing(settings.signing_keys_folder, settings.trust_store_path)
    with private_copy(registry, version) as copy:
        progress("Gathering what is known")
        receipts, no_events = _events(settings, copy.digest)
        subject = pack_subject(settings, registry, copy, ring)
        missing = tuple(_missing(settings, subject)) + no_events
        signer, unsigned = _signer(ring, name)
        progress("Making the pages")
        files = _files(subject, receipts, _model(copy) if with_model else {}, missing + unsigned)
    if signer is not None:
        key, _ = signer
        envelope = sign_index(files[INDEX_FILE], model=version.name, digest=subject.digest, key=key)
        files[SIGNED_INDEX_FILE] = envelope.to_bytes()
    content = pack_bytes(files)
    _write(output, content)
    by = signer[1].name if signer is not None else None
    digest = sha256(content).hexdigest()
    return Packed(version, subject.digest, len(files), digest, by, missing + unsigned)


def _files(
    subject: PackSubject,
    receipts: Mapping[str, bytes],
    model: Mapping[str, bytes],
    missing: tuple[tuple[str, str], ...],
) -> dict[str, bytes]:
    from jinja2 import UndefinedError

    try:
        return pack_files(subject, receipts=receipts, model=model, missing=missing)
    except (KeyError, TypeError, AttributeError, ValueError, UndefinedError) as error:
        # Whoever may write to MLflow may have changed it: what is in it is anything.
        raise EvidenceMismatch(
            f"{MANIFEST_FILE} of version {subject.version} lacks what a pack shows, or says it in another way.",
            remedy="Somebody changed it in MLflow, or it is of another vouchml. Train the version again: vouch train",
        ) from error


def _events(settings: Settings, digest: str) -> tuple[dict[str, bytes], tuple[tuple[str, str], ...]]:
    """The events of the ledger as receipts, by file name, or why there are none."""
    if not settings.ledger.url:
        return {}, (("ledger", "The project keeps no ledger."),)
    try:
        checkpoint = newest_checkpoint(settings)
    except CheckpointAwaited as error:
        return {}, (("ledger", error.message),)
    with reading(settings) as store:
        found, more = event_receipts(store, digest, checkpoint)
    if not found:
        return {}, (("ledger", "The ledger tells of no event about this model."),)
    older = ", ".join(kind.value for kind in more)
    return found, ((("ledger", f"There are older events of the types {older}."),) if more else ())


def _missing(settings: Settings, subject: PackSubject) -> list[tuple[str, str]]:
    """What a pack should have and this one has not, apart from the ledger's part and the signature of its index."""
    found = [
        (f"evidence/{name}", f"Nobody has signed it: vouch sign {subject.version}")
        for name in (SIGNATURE_FILE, PROVENANCE_FILE, EVALUATION_FILE, *signed_documents(settings.policy))
        if name not in subject.evidence
    ]
    if subject.decision is None:
        found.append(("decision", f"No decision of the gate counts: vouch gate {subject.version}"))
    elif subject.policy is None:
        found.append(("policy.json", "The decision was made by another policy than the project has now."))
    if not subject.trust:
        found.append(("trust.toml", "The project has no trust store: vouch keys init"))
    if not subject.plots:
        found.append(("plots", "The run has none."))
    fields = [name for name, _ in all_fields(subject.card, settings.policy.card_fields)]
    if open_fields := [name for name in fields if not subject.card.get(name, "").strip()]:
        found.append((settings.policy.card, f"Nobody has answered: {', '.join(open_fields)}."))
    return found


def _signer(
    ring: KeyRing, name: str | None
) -> tuple[tuple[SigningKey, TrustedKey] | None, tuple[tuple[str, str], ...]]:
    """The evaluator's key, or why there is none."""
    try:
        return ring.signer("evaluator", name), ()
    except SigningKeyNotFound as error:
        if name is not None:
            raise
        return None, ((SIGNED_INDEX_FILE, f"Nobody has signed the list of files. {error.message}"),)


def _model(copy: PrivateCopy) -> dict[str, bytes]:
    return {file.path: (copy.folder / file.path).read_bytes() for file in take_stock(copy.folder)}


def _write(output: Path, content: bytes) -> None:
    try:
        output.write_bytes(content)
    except OSError as error:
        raise FileUnusable(
            f"{output} cannot be written: {error.strerror}.",
            remedy="Check its name, its permissions and the space on the disk.",
        ) from error
