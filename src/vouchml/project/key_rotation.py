"""Rotate signing keys; the ledger's own is told of in the ledger.

The old key signs all that is there before it goes, and the new one signs the record that names both.
"""

from __future__ import annotations

from datetime import UTC, datetime

from vouchml.ledger.open import known_origin
from vouchml.ledger.record import RecordType, event
from vouchml.ledger.trusted_keys import verifier_of
from vouchml.project.open_ledger import sign_head, write
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.trust_store import TrustedKey


def rotate(settings: Settings, reference: str, *, who: str) -> tuple[tuple[TrustedKey, TrustedKey], ...]:
    """Make new keys in the place of those that are meant, as `KeyRing.rotate`; gives them as (old, new).

    Raises:
        SigningKeyNotFound, TrustStoreInvalid, FolderNotWritable: see `KeyRing.rotate`.
        LedgerInvalid, LedgerUnavailable: the ledger, which is there, cannot be written; nothing was rotated.
    """
    origin = known_origin(settings) if settings.ledger.url else None
    if origin is not None:
        sign_head(settings)
    rotated = KeyRing(settings.signing_keys_folder, settings.trust_store_path).rotate(reference)
    for old, new in rotated:
        if origin is not None and new.role == "ledger":
            keys = {"from": str(verifier_of(old, origin)), "to": str(verifier_of(new, origin))}
            write(settings, event(RecordType.KEY_ROTATION, {**keys, "who": who}, time=datetime.now(UTC)))
    return rotated
