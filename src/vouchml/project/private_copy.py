"""A version as whoever judges it must see it: its files in a private folder, and what was signed about them.

MLflow lets anybody change what it keeps, so everything that is decided is decided about a copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from vouchml.governance.signed_evidence import is_evidence_name
from vouchml.model.contract import contract_sha256
from vouchml.model.digest import model_digest
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.evidence_files import fetch_evidence


@dataclass(frozen=True)
class PrivateCopy:
    """The files of a version in `folder`, their digest, and the evidence by file name."""

    version: Version
    folder: Path
    digest: str
    evidence: Mapping[str, bytes]

    @property
    def contract_sha256(self) -> str:
        """The SHA-256 of the contract's file, as a decision names it."""
        return contract_sha256(self.folder)


@contextmanager
def private_copy(registry: ModelRegistry, version: Version) -> Iterator[PrivateCopy]:
    """Fetch a version and its evidence; the copy is removed afterwards.

    Raises:
        VersionNotFound: its files are gone.
        BundleInvalid: they are not those of a model.
        EvidenceUnreadable: its evidence cannot be read.
    """
    with TemporaryDirectory(prefix="vouch-copy-") as temporary:
        folder = Path(temporary, "files")
        folder.mkdir()
        registry.fetch(version, folder)
        yield PrivateCopy(version, folder, model_digest(folder), fetch_evidence(registry, version, is_evidence_name))
