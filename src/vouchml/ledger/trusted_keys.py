"""The verifier keys of a ledger, as the trust store has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vouchml.ledger.checkpoint import VerifierKey
from vouchml.trust.trust_store import TrustedKey, TrustStore

_RAW_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class LedgerKey:
    """A key that signs the heads of a ledger: as notes name it, and as the trust store does."""

    verifier: VerifierKey
    trusted: TrustedKey


def ledger_keys(trust: TrustStore, origin: str) -> tuple[LedgerKey, ...]:
    """The keys with the role `ledger`, in order, those included that are valid no more or revoked."""
    return tuple(
        LedgerKey(verifier_of(key, origin), key)
        for key in trust.key
        if key.role == "ledger" and key.public_key.algorithm == "ed25519"
    )


def verifier_of(key: TrustedKey, origin: str) -> VerifierKey:
    """An Ed25519 key of the trust store as notes of the ledger `origin` name it."""
    # The DER of such a key ends with its 32 bytes (RFC 8410, section 4).
    return VerifierKey(origin, key.public_key.der[-_RAW_BYTES:])


def verifiers(trust: TrustStore, origin: str) -> tuple[VerifierKey, ...]:
    """The verifier keys that count for what was signed while they were valid: all but the revoked ones."""
    return tuple(key.verifier for key in ledger_keys(trust, origin) if key.trusted.revoked is None)
