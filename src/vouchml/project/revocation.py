"""Revoke a model digest: no service loads it any more, whatever was signed about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from vouchml.ledger.governance_events import Said, said_record
from vouchml.project.open_ledger import write
from vouchml.project.private_copy import private_copy
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.trust_store import RevokedModel

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Revocation:
    """A digest that is revoked, and the version that was named (None: the digest itself was)."""

    model: RevokedModel
    version: int | None


def revoke(settings: Settings, reference: str, *, reason: str, who: str) -> Revocation:
    """Revoke a version, or the model digest itself, in `trust.toml`.

    The trust store is written first: whatever becomes of the ledger, the model must stop.

    Raises:
        VersionNotFound, BundleInvalid: there is no such version, or nothing that has a digest.
        SigningKeyInvalid: the reason is not one printable line.
        TrustStoreInvalid, FolderNotWritable: the trust store cannot be changed.
        LedgerInvalid, LedgerUnavailable: it is revoked, but not recorded.
    """
    name = settings.project.registered_model
    digest, number = reference, None
    if not _DIGEST.fullmatch(reference):
        registry = ModelRegistry.connect(settings.tracking_uri)
        version = registry.version(name, reference)
        with private_copy(registry, version) as copy:
            digest, number = copy.digest, version.number
    ring = KeyRing(settings.signing_keys_folder, settings.trust_store_path)
    model = ring.revoke_model(digest, reason=reason)
    if settings.ledger.url:
        said = Said(
            "revocation",
            name=name,
            model=digest,
            version=number,
            statement=None,
            by=(who,),
            details={"reason": reason},
        )
        write(settings, said_record(said, time=datetime.now(UTC)))
    return Revocation(model, number)
