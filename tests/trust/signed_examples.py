"""A trust store with one key a role, as the tests of signed things need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vouchml.trust.public_key import Algorithm
from vouchml.trust.signing_key import SigningKey, create_signing_key
from vouchml.trust.trust_store import ROLES, Role, TrustedKey, TrustStore

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
DIGEST = "ab" * 32


@dataclass(frozen=True)
class Signers:
    """A key for each role, and the store that knows them."""

    keys: dict[Role, SigningKey]
    store: TrustStore


def trusted(key: SigningKey, role: Role, name: str, /, **changes: object) -> TrustedKey:
    fields = {"name": name, "email": f"{name}@example.org", "role": role, "public_key": key.public, "valid_from": NOW}
    return TrustedKey.model_validate(fields | {"valid_to": LATER} | changes)


def signers(algorithm: Algorithm = "ed25519") -> Signers:
    keys = {role: create_signing_key(algorithm) for role in ROLES}
    return Signers(keys, TrustStore(key=tuple(trusted(key, role, role) for role, key in keys.items())))
