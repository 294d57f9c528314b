"""Sign a version: its files and its provenance as the trainer, its evaluation as the evaluator.

Where the policy asks for them, the trainer also signs its bill of materials, and the evaluator its model card.

Each needs a key of its role on this machine. What cannot be signed here is told with what to do, and can be signed
later and elsewhere: `vouch sign VERSION`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from vouchml.canonical_json import canonical_json
from vouchml.errors import EvidenceMismatch, EvidenceMissing, EvidenceRefused, SigningKeyNotFound, VouchError
from vouchml.governance.admission import require_signed
from vouchml.governance.document_statements import signed_documents
from vouchml.governance.judged_rows import Manifest, parse_manifest
from vouchml.governance.signed_evidence import EVALUATION_FILE, ML_BOM_FILE, MODEL_CARD_FILE, PROVENANCE_FILE
from vouchml.model import open_bundle
from vouchml.project.private_copy import PrivateCopy, private_copy
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.evidence_files import put_evidence
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.model_signature import SIGNATURE_FILE, sign_model
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.trust_store import Role, TrustedKey, TrustStore

if TYPE_CHECKING:
    from vouchml.governance.pack.subject import PackSubject

MANIFEST_FILE: Final = "run_manifest.json"
_KEPT: Final = "signed before"


@dataclass(frozen=True)
class SignedPart:
    """One file of evidence: its SHA-256, and the name of the key that signed it just now, or that it was before."""

    file: str
    sha256: str
    by: str


@dataclass(frozen=True)
class UnsignedPart:
    """A file of evidence that could not be made here, why, and what to do."""

    file: str
    why: str
    remedy: str


@dataclass(frozen=True)
class Signing:
    """What came of signing a version."""

    version: Version
    digest: str
    signed: tuple[SignedPart, ...]
    unsigned: tuple[UnsignedPart, ...]


@dataclass(frozen=True)
class _Subject:
    """A version that is to be signed, with the manifest of its run."""

    registry: ModelRegistry
    copy: PrivateCopy
    content: bytes
    document: Mapping[str, Any]
    manifest: Manifest


@dataclass(frozen=True)
class _Signers:
    """The keys on this machine, and by role which one is meant."""

    ring: KeyRing
    names: Mapping[str, str | None]

    def of(self, role: Role) -> tuple[SigningKey, TrustedKey]:
        return self.ring.signer(role, self.names.get(role))


def sign_version(
    settings: Settings,
    version: Version,
    *,
    trained: Mapping[str, Any] | None = None,
    names: Mapping[str, str | None] | None = None,
    again: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Signing:
    """Sign what is not signed yet, or with `again` everything anew, by the keys on this machine.

    `names` says by role which key it is, where several are here. `trained` is the manifest of the training that has
    just made the version: what MLflow gives back must be that one. A part that is signed and verifies stays as it is,
    since a decision may rest on its bytes.

    Raises:
        EvidenceMissing, EvidenceMismatch: the run has no manifest, or one that is not about these files.
        EvidenceRefused: there is a signature that does not count, and `again` is not set.
        BundleInvalid: the files are not those of a model.
        TrustStoreInvalid, SigningKeyUnreadable: the keys cannot be used.
    """
    progress("Signing")
    registry = ModelRegistry.connect(settings.tracking_uri)
    ring = KeyRing(settings.signing_keys_folder, settings.trust_store_path)
    with private_copy(registry, version) as copy:
        subject = _subject(registry, copy, trained)
        signers = _Signers(ring, names or {})
        done = _verified(copy, ring.store(), again=again)
        signed, unsigned, made = [], [], {}
        documents = signed_documents(settings.policy)
        for name, make in _PARTS.items():
            if name in _ASKED_FOR and name not in documents:
                continue
            if name in done:
                signed.append(SignedPart(name, sha256(copy.evidence[name]).hexdigest(), _KEPT))
                continue
            try:
                made[name], by = make(settings, signers, subject)
            except (EvidenceMismatch, EvidenceRefused):
                raise
            except VouchError as error:
                unsigned.append(UnsignedPart(name, error.message, _remedy(error, version)))
            else:
                signed.append(SignedPart(name, sha256(made[name]).hexdigest(), by))
        # All or nothing is kept, as far as MLflow can do that.
        for name, content in made.items():
            put_evidence(registry, version, name, content)
        return Signing(version, copy.digest, tuple(signed), tuple(unsigned))


def _subject(registry: ModelRegistry, copy: PrivateCopy, trained: Mapping[str, Any] | None) -> _Subject:
    version = copy.version
    title = f"version {version.number}"
    with TemporaryDirectory() as temporary:
        run = Path(temporary)
        if MANIFEST_FILE not in registry.fetch_run_files(version, [MANIFEST_FILE], run):
            raise EvidenceMissing(
                f"The run of {title} has no {MANIFEST_FILE}, so there is nothing to sign about where it comes from.",
                remedy="Train it with `vouch train`; a model logged by other means has no manifest.",
            )
        content = (run / MANIFEST_FILE).read_bytes()
    if trained is not None and content != canonical_json(trained):
        raise EvidenceMismatch(
            f"{MANIFEST_FILE} of {title} is not the one that this training wrote.",
            remedy="Somebody changed it in MLflow. Train again: vouch train",
        )
    manifest = parse_manifest(content, of=title)
    contract = open_bundle(copy.folder).contract
    if manifest.contract_sha256 != sha256(contract.to_bytes()).hexdigest():
        raise EvidenceMismatch(f"The manifest of {title} is about another contract.", remedy="Train it again.")
    document = json.loads(content)
    if document.get("run_id") != version.run_id:
        raise EvidenceMismatch(f"The manifest of {title} is that of another run.", remedy="Train it again.")
    return _Subject(registry, copy, content, document, manifest)


def _verified(copy: PrivateCopy, trust: TrustStore, *, again: bool) -> frozenset[str]:
    """The parts that are signed and verify.

    Raises:
        EvidenceRefused: one is there and does not verify, and nobody said to sign it again.
    """
    from vouchml.governance.verified_evidence import verify_evidence

    if again:
        return frozenset()
    now, evidence, done = datetime.now(UTC), copy.evidence, set()
    author = None
    if SIGNATURE_FILE in evidence:
        author = require_signed(copy.folder, copy.digest, evidence, trust, model=copy.version.name, at=now)
        done.add(SIGNATURE_FILE)
    found = verify_evidence(
        evidence, copy.digest, trust, model=copy.version.name, author=author, separation="none", at=now
    )
    for name in _STATEMENTS:
        if name in found.refused:
            raise found.refused[name]
        if name in found.inputs:
            done.add(name)
    return frozenset(done)


def _signature(settings: Settings, signers: _Signers, subject: _Subject) -> tuple[bytes, str]:
    key, trusted = signers.of("trainer")
    return sign_model(subject.copy.folder, key, name=settings.project.registered_model), trusted.name


def _provenance(settings: Settings, signers: _Signers, subject: _Subject) -> tuple[bytes, str]:
    from vouchml.governance.provenance import sign_provenance

    key, trusted = signers.of("trainer")
    envelope = sign_provenance(
        subject.document,
        subject.content,
        model=settings.project.registered_model,
        digest=subject.copy.digest,
        key=key,
    )
    return envelope.to_bytes(), trusted.name


def _evaluation(settings: Settings, signers: _Signers, subject: _Subject) -> tuple[bytes, str]:
    from vouchml.governance.evaluation_statement import sign_evaluation
    from vouchml.governance.measurements import measure

    key, trusted = signers.of("evaluator")
    copy = subject.copy
    measured = measure(settings, open_bundle(copy.folder), subject.manifest, of=f"version {copy.version.number}")
    envelope = sign_evaluation(
        measured,
        subject.content,
        data_sha256=subject.manifest.data.bytes_sha256,
        model=settings.project.registered_model,
        digest=copy.digest,
        key=key,
        at=datetime.now(UTC),
    )
    return envelope.to_bytes(), trusted.name


def _bom(settings: Settings, signers: _Signers, subject: _Subject) -> tuple[bytes, str]:
    from vouchml.governance.document_statements import sign_bom
    from vouchml.governance.pack.bom import ml_bom

    key, trusted = signers.of("trainer")
    document = _described(settings, signers, subject, ml_bom)
    envelope = sign_bom(document, model=settings.project.registered_model, digest=subject.copy.digest, key=key)
    return envelope.to_bytes(), trusted.name


def _card(settings: Settings, signers: _Signers, subject: _Subject) -> tuple[bytes, str]:
    from vouchml.governance.document_statements import sign_model_card
    from vouchml.governance.pack.model_card import card_markdown

    key, trusted = signers.of("evaluator")
    text = _described(settings, signers, subject, card_markdown)
    digest, model = subject.copy.digest, settings.project.registered_model
    envelope = sign_model_card(text, model=model, digest=digest, key=key, at=datetime.now(UTC))
    return envelope.to_bytes(), trusted.name


def _described(
    settings: Settings, signers: _Signers, subject: _Subject, describe: Callable[[PackSubject], bytes]
) -> bytes:
    from jinja2 import UndefinedError

    from vouchml.project.pack_subject import pack_subject

    found = pack_subject(settings, subject.registry, subject.copy, signers.ring)
    # The manifest that was held against the training, whatever MLflow gives back now.
    found = replace(found, manifest=subject.document, manifest_bytes=subject.content)
    try:
        return describe(found)
    except (KeyError, TypeError, AttributeError, ValueError, UndefinedError) as error:
        raise EvidenceMismatch(
            "The manifest of the run does not say all that is to be signed.", remedy="Train the version again."
        ) from error


def _remedy(error: VouchError, version: Version) -> str:
    if isinstance(error, SigningKeyNotFound):
        return (
            "Make the keys that are missing (vouch keys add NAME --role ROLE --email EMAIL; for development: "
            f"vouch keys init), or say which to take (--trainer NAME, --evaluator NAME): vouch sign {version.number}"
        )
    return f"{error.remedy} Then: vouch sign {version.number}"


_Make = Callable[[Settings, _Signers, _Subject], tuple[bytes, str]]
_PARTS: Final[Mapping[str, _Make]] = {
    SIGNATURE_FILE: _signature,
    PROVENANCE_FILE: _provenance,
    EVALUATION_FILE: _evaluation,
    ML_BOM_FILE: _bom,
    MODEL_CARD_FILE: _card,
}
_ASKED_FOR: Final = frozenset({ML_BOM_FILE, MODEL_CARD_FILE})
_STATEMENTS: Final = tuple(name for name in _PARTS if name != SIGNATURE_FILE)
