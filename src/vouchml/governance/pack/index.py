"""The index of a pack: every file with its SHA-256, and an envelope that signs that list.

The envelope is an in-toto statement about the model digest, of our own kind, by a key of the role `evaluator`: it says
that this is the pack that was handed out. Without it the pages and the model card could be changed with the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from vouchml.canonical_json import canonical_json
from vouchml.errors import PackInvalid
from vouchml.governance.signed_evidence import moment_text
from vouchml.trust.dsse import Envelope
from vouchml.trust.signed_json import read_object
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import sign_statement, statement_about

if TYPE_CHECKING:  # it needs what loads models, and whoever checks a pack may not have that
    from vouchml.governance.pack.subject import PackSubject

INDEX_FILE: Final = "index.json"
SIGNED_INDEX_FILE: Final = "index.dsse.json"
FORMAT: Final = "vouchml-pack/v1"
PACK_TYPE: Final = "https://vouchml.dev/pack/v1"

_ABOUT: Final = {
    "index.html": "This pack, for people to read",
    "model_card.html": "The model card with the plots",
    "model_card.md": "The model card as Markdown",
    "trust.toml": "Whose keys counted when the pack was made; bring your own copy",
    "policy.json": "The policy that the decision names by its SHA-256",
    "contract.json": "What the model takes and what its answers mean",
    "run_manifest.json": "Data, split, settings, environment and results of the training",
    "model_files.json": "The files of the model with their SHA-256",
    "bom.cdx.json": "Bill of materials, CycloneDX 1.6",
    "croissant.json": "The data, as Croissant 1.0",
    "crosswalks.json": "Points of frameworks, and where in the pack to look",
    "verify_pack.py": "Checks this pack without vouchml",
    "verify_receipt.py": "Checks a receipt without vouchml",
    "evidence/model.sig": "Signature of the model's files, OpenSSF Model Signing v1.0",
    "evidence/provenance.dsse.json": "Where the model comes from, SLSA Provenance v1",
    "evidence/evaluation.dsse.json": "How good it is, in-toto test-result v0.1",
    "evidence/ml_bom.dsse.json": "The bill of materials as it was signed, CycloneDX 1.6",
    "evidence/model_card.dsse.json": "The model card as it was signed",
}
_ABOUT_BEGINNING: Final = {
    "evidence/decision-": "A decision of the gate, SLSA VSA v1",
    "evidence/approval-": "What a person said",
    "evidence/break-glass-": "An emergency admission",
    "ledger/": "An event of the ledger with its proof",
    "plots/": "A plot of the run",
    "model/": "A file of the model",
}


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of a pack: its path, its SHA-256 in hexadecimal, its size in bytes, and what it is."""

    path: str
    sha256: str
    size: int
    about: str


def described_files(files: Mapping[str, bytes]) -> tuple[PackedFile, ...]:
    """The files of a pack, in the order of their paths."""
    return tuple(
        PackedFile(path, sha256(files[path]).hexdigest(), len(files[path]), _about(path)) for path in sorted(files)
    )


def index_json(subject: PackSubject, files: Mapping[str, bytes], missing: Sequence[tuple[str, str]]) -> bytes:
    """The index of `files`; `missing` says what a pack should have and this one has not, and why."""
    return canonical_json(
        {
            "format": FORMAT,
            "created": moment_text(subject.at),
            "model": {
                "name": subject.name,
                "version": subject.version,
                "run": subject.run,
                "digest": subject.digest,
                "data": subject.data_sha256,
            },
            "separation": subject.separation,
            "missing": [{"what": what, "why": why} for what, why in missing],
            "files": [
                {"path": file.path, "sha256": file.sha256, "size": file.size, "about": file.about}
                for file in described_files(files)
            ],
        }
    )


def sign_index(content: bytes, *, model: str, digest: str, key: SigningKey) -> Envelope:
    """The statement that `content` is the index of a pack about the model `digest`."""
    predicate = {"index": {"sha256": sha256(content).hexdigest()}}
    return sign_statement(statement_about(digest, model, PACK_TYPE, predicate), [key])


@dataclass(frozen=True)
class PackIndex:
    """An index as it was read; nothing of it is checked yet."""

    created: datetime
    name: str
    digest: str
    data: str
    separation: str
    files: Mapping[str, tuple[str, int]]


def read_index(content: bytes) -> PackIndex:
    """Read an index.

    Raises:
        PackInvalid: it is not one.
    """
    try:
        document = read_object(content)
        if document["format"] != FORMAT or canonical_json(document) != content:
            raise ValueError("is of another format")  # noqa: TRY301 - told as the others below
        entries = list(_entries(document))
        if len(dict(entries)) != len(entries):
            raise ValueError("names a file twice")  # noqa: TRY301 - as above
        model = document["model"]
        return PackIndex(
            created=datetime.strptime(document["created"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
            name=str(model["name"]),
            digest=str(model["digest"]),
            data=str(model["data"]),
            separation=str(document["separation"]),
            files=dict(entries),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PackInvalid("The index of the pack cannot be read.", remedy="Get the pack again.") from error


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, int]]]:
    for entry in document["files"]:
        yield str(entry["path"]), (str(entry["sha256"]), int(entry["size"]))


def _about(path: str) -> str:
    if path in _ABOUT:
        return _ABOUT[path]
    return next((about for beginning, about in _ABOUT_BEGINNING.items() if path.startswith(beginning)), "")
