"""The digest of a policy: what a decision names, so that nobody can say afterwards that something else was asked."""

from __future__ import annotations

import hashlib

from vouchml.canonical_json import canonical_json
from vouchml.settings import PolicySettings


def policy_text(policy: PolicySettings) -> bytes:
    """All keys of the policy, defaults included, as canonical JSON (RFC 8785)."""
    return canonical_json(policy.model_dump(mode="json"))


def policy_digest(policy: PolicySettings) -> str:
    """The SHA-256 of `policy_text`, as 64 hexadecimal characters."""
    return hashlib.sha256(policy_text(policy)).hexdigest()
