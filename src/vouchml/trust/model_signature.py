"""The signature of a model: an OpenSSF Model Signing v1.0 bundle, which the upstream `model_signing` verifies too.

It is a Sigstore bundle (media type v0.3) whose verification material names a public key, around a DSSE envelope with
one signature over an in-toto statement: the subject is the model digest, the predicate lists every file with its
SHA-256. https://github.com/ossf/model-signing-spec. Upstream signs and verifies with P-256, not with Ed25519.

The file `model.sig` lies beside the signed folder, not in it: `ignore_paths` of a signature is read but excuses
nothing, so every file in the folder must be signed.

```python
signature = sign_model(folder, key, name="breast_cancer_classifier")
signed = verify_model(folder, read_model_signature(signature), store, at=now)
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, Final

from vouchml.canonical_json import canonical_json
from vouchml.errors import EnvelopeInvalid, FileMissing, StatementInvalid
from vouchml.trust.dsse import Envelope, envelope_from
from vouchml.trust.public_key import PublicKey
from vouchml.trust.signed_files import SignedFile, require_same, root_of, take_stock
from vouchml.trust.signed_json import read_object
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import MODEL_SIGNATURE, SHA256_HEX, read_statement, sign_statement, statement_about
from vouchml.trust.trust_store import Role, TrustedKey, TrustStore

SIGNATURE_FILE: Final = "model.sig"
_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_SERIALIZATION: Final = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """A signature as it was read; nothing of it is checked yet."""

    envelope: Envelope
    hint: str  # the SHA-256 of the public key in PEM, as upstream names it; empty if nothing is said


@dataclass(frozen=True, slots=True)
class SignedModel:
    """A folder that is what was signed, to the last file."""

    name: str
    digest: str
    files: tuple[SignedFile, ...]


def sign_model(folder: Path, key: SigningKey, *, name: str) -> bytes:
    """The content of `model.sig` for all files in `folder`; `name` is the model's, for people.

    Raises:
        FileNotPlain: the folder holds a link, or something else that is not a plain file.
        FileMissing: the folder holds nothing, or cannot be read.
    """
    files = take_stock(folder)
    if not files:
        raise FileMissing("There are no files to sign.", remedy="Name the folder of the model.")
    predicate = {
        "serialization": {**_SERIALIZATION, "ignore_paths": []},
        "resources": [{"name": file.path, "algorithm": "sha256", "digest": file.sha256} for file in files],
    }
    envelope = sign_statement(statement_about(root_of(files), name, MODEL_SIGNATURE, predicate), [key])
    return canonical_json(
        {
            "mediaType": _MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": _hint(key.public)}, "tlogEntries": []},
            "dsseEnvelope": envelope.to_document(),
        }
    )


def read_model_signature(data: bytes) -> ModelSignature:
    """The content of `model.sig`.

    Raises:
        EnvelopeInvalid: it is not a Sigstore bundle v0.3 with an envelope that one key signed.
    """
    try:
        return _signature_from(read_object(data))
    except ValueError as problem:
        raise EnvelopeInvalid(
            f"The signature of the model {problem}.", remedy="The file is broken or is something else. Sign again."
        ) from None


def verify_model(
    folder: Path, signature: ModelSignature, store: TrustStore, *, at: datetime, role: Role = "trainer"
) -> tuple[SignedModel, TrustedKey]:
    """Check that a key of `role`, valid at the time `at`, signed the files in `folder` as they are, all and no others.

    The signature is checked first, then what it says, then the files.

    Raises:
        EvidenceRefused: no, and a child says why: the key and the signature as `Envelope.verify`, StatementInvalid
            when what is signed does not describe files, FileNotPlain, FileRenamed, FileMissing, FileAdded and
            FileChanged when the files are not those.
    """
    signer = verify_signer(signature, store, at=at, role=role)
    return _verified(folder, signature), signer


def verify_model_by(folder: Path, signature: ModelSignature, key: PublicKey) -> SignedModel:
    """Check that `key` signed the files in `folder` as they are; nobody asks what the key is for.

    Raises:
        EvidenceRefused: as `verify_model`.
    """
    signature.envelope.verify_by([key])
    _require_hint(signature, key)
    return _verified(folder, signature)


def read_signed_model(signature: ModelSignature) -> SignedModel:
    """What a signature says that was signed. Neither the signature nor any file is checked here.

    Raises:
        StatementInvalid: what is signed does not describe files, or gives them another model digest.
    """
    statement = read_statement(signature.envelope)
    try:
        if statement.predicate_type != MODEL_SIGNATURE:
            raise ValueError(f"is not of the kind {MODEL_SIGNATURE}")  # noqa: TRY301 - told as the others
        if len(statement.subjects) != 1:
            raise ValueError("is about several models")  # noqa: TRY301 - told as the others
        files = _files_from(statement.predicate)
        if root_of(files) != statement.subjects[0].sha256:
            raise ValueError("has another model digest than its files give")  # noqa: TRY301 - told as the others
    except ValueError as problem:
        raise StatementInvalid(
            f"The signed list of files {problem}.", remedy="Have the model signed again, by vouchml."
        ) from None
    return SignedModel(statement.subjects[0].name, statement.subjects[0].sha256, files)


def verify_signer(signature: ModelSignature, store: TrustStore, *, at: datetime, role: Role = "trainer") -> TrustedKey:
    """The key of `role`, valid at the time `at`, that made a signature; no file is looked at.

    Raises:
        EvidenceRefused: none did, and a child says why, as `Envelope.verify`.
    """
    (signer,) = signature.envelope.verify(store, role=role, at=at)
    _require_hint(signature, signer.public_key)
    return signer


def _verified(folder: Path, signature: ModelSignature) -> SignedModel:
    signed = read_signed_model(signature)
    require_same(signed.files, take_stock(folder))
    return signed


def _signature_from(document: dict[str, Any]) -> ModelSignature:
    if document.get("mediaType") != _MEDIA_TYPE:
        raise ValueError("is not a Sigstore bundle v0.3")
    material = document.get("verificationMaterial")
    named = material.get("publicKey") if isinstance(material, dict) else None
    if not isinstance(named, dict):
        raise ValueError("does not name a public key")  # noqa: TRY004 - one kind of error for the caller
    hint = named.get("hint") or ""
    if not isinstance(hint, str):
        raise ValueError("names a public key in a way that is not known")  # noqa: TRY004 - as above
    envelope = envelope_from(document.get("dsseEnvelope"))
    if len(envelope.signatures) != 1:
        raise ValueError("does not have exactly one signature")
    return ModelSignature(envelope, hint)


def _files_from(predicate: Any) -> tuple[SignedFile, ...]:
    match predicate:
        case {"serialization": dict(serialization), "resources": [_, *_] as resources, **more} if not more:
            _require_our_serialization(serialization)
            files = tuple(_file_from(resource) for resource in resources)
        case _:
            raise ValueError("is not a serialization and resources")
    _require_ascending([PurePosixPath(file.path) for file in files])
    return files


def _require_our_serialization(serialization: dict[str, Any]) -> None:
    # JSON true is not 1 here, although it is in Python.
    if any(serialization.get(name) != value for name, value in _SERIALIZATION.items()) or not isinstance(
        serialization["allow_symlinks"], bool
    ):
        raise ValueError("was not made of whole files by SHA-256 without links")
    if serialization.keys() - {*_SERIALIZATION, "ignore_paths"}:
        raise ValueError("was made in a way that is not known")


def _file_from(resource: Any) -> SignedFile:
    match resource:
        case {"name": str(name), "algorithm": "sha256", "digest": str(digest), **more} if not more:
            if _is_a_path(name) and SHA256_HEX.fullmatch(digest):
                return SignedFile(name, digest)
    raise ValueError("has an entry that is not a path and a sha256")


def _is_a_path(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts != () and str(path) == name and not path.is_absolute() and ".." not in path.parts


def _require_ascending(paths: Sequence[PurePosixPath]) -> None:
    if any(later <= earlier for earlier, later in pairwise(paths)):
        raise ValueError("is not in order, or names a file twice")


def _require_hint(signature: ModelSignature, key: PublicKey) -> None:
    if signature.hint not in ("", _hint(key)):
        raise EnvelopeInvalid(
            "The signature of the model names another key than the one that made it.",
            remedy="It was put together from two. Sign again.",
        )


def _hint(key: PublicKey) -> str:
    return sha256(key.to_pem().encode("ascii")).hexdigest()
