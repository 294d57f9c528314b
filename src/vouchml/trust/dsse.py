"""DSSE v1: bytes with their type and one signature or several over both.

https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md and envelope.md. What is signed is the PAE of the
payload, so it is kept as the bytes that it was and never encoded again. A key id in an envelope is a hint that nobody
signed: it only says which keys to try.

```python
envelope = sign_payload(payload, IN_TOTO, [key])
signers = read_envelope(envelope.to_bytes()).verify(store, role="gate", at=now)
```
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vouchml.canonical_json import canonical_json
from vouchml.errors import EnvelopeInvalid, EvidenceRefused, KeyUnknown, SignatureInvalid, SignatureMissing
from vouchml.trust.public_key import PublicKey
from vouchml.trust.signed_json import read_object
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.trust_store import Role, TrustedKey, TrustStore

IN_TOTO: Final = "application/vnd.in-toto+json"
_MOST_SIGNATURES: Final = 64
_URL_SAFE: Final = str.maketrans("-_", "+/")


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding of a payload (protocol.md, "Signature Definition"): what is signed."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature, and the id of the key that is said to have made it; empty if nothing is said."""

    key_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type and its signatures; none of which is checked until `verify` or `verify_by` gave an answer."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def verify(self, store: TrustStore, *, role: Role, at: datetime, threshold: int = 1) -> tuple[TrustedKey, ...]:
        """The keys of `role`, valid at the time `at`, that signed this, each once: `threshold` of them at least.

        Raises:
            KeyUnknown, KeyRevoked, KeyRoleWrong, KeyNotYetValid, KeyExpired, SignatureInvalid: too few signatures
                count, and this is why the first that does not count does not.
            SignatureMissing: too few signatures are there.
            ValueError: `threshold` is below 1, which would let anything pass.
        """
        _require_some(threshold)
        signed = pae(self.payload_type, self.payload)
        found: dict[str, TrustedKey] = {}
        problem: EvidenceRefused | None = None
        for signature in self.signatures:
            try:
                key = store.verifier(role, signature.key_id or _whose(signature, signed, store), at=at)
                key.public_key.verify(signature.value, signed)
            except EvidenceRefused as error:
                problem = problem or error
            else:
                found[key.key_id] = key
        if len(found) < threshold:
            raise problem or _too_few(len(found), threshold)
        return tuple(found.values())

    def verify_by(self, keys: Sequence[PublicKey], *, threshold: int = 1) -> tuple[PublicKey, ...]:
        """Those of `keys` that signed this, each once: `threshold` of them at least. Nobody asks what they are for.

        Raises:
            KeyUnknown, SignatureInvalid, SignatureMissing, ValueError: as `verify`.
        """
        _require_some(threshold)
        signed = pae(self.payload_type, self.payload)
        found: dict[str, PublicKey] = {}
        problem: EvidenceRefused | None = None
        for signature in self.signatures:
            candidates = [key for key in keys if signature.key_id in ("", key.key_id)]
            signer = next((key for key in candidates if _is_by(signature, signed, key)), None)
            if signer is not None:
                found[signer.key_id] = signer
            elif candidates:
                problem = problem or _not_by_these()
            else:
                problem = problem or KeyUnknown(
                    "A key signed that is not among those given.", remedy="Give the public key of who signed."
                )
        if len(found) < threshold:
            raise problem or _too_few(len(found), threshold)
        return tuple(found.values())

    def with_signature(self, key: SigningKey) -> Envelope:
        """The same envelope with a signature by `key` too; one that it had made before is replaced."""
        others = tuple(signature for signature in self.signatures if signature.key_id != key.public.key_id)
        value = key.sign(pae(self.payload_type, self.payload))
        return Envelope(self.payload, self.payload_type, (*others, Signature(key.public.key_id, value)))

    def to_document(self) -> dict[str, Any]:
        """The envelope as a JSON object."""
        return {
            "payload": base64.b64encode(self.payload).decode("ascii"),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": signature.key_id, "sig": base64.b64encode(signature.value).decode("ascii")}
                for signature in self.signatures
            ],
        }

    def to_bytes(self) -> bytes:
        """The envelope as canonical JSON."""
        return canonical_json(self.to_document())


def sign_payload(payload: bytes, payload_type: str, keys: Sequence[SigningKey]) -> Envelope:
    """An envelope of `payload`, signed by each of `keys`."""
    envelope = Envelope(payload, payload_type, ())
    for key in keys:
        envelope = envelope.with_signature(key)
    return envelope


def read_envelope(data: bytes) -> Envelope:
    """The envelope in `data`. Fields that DSSE does not know are passed over, as it demands; nobody signed them.

    Raises:
        EnvelopeInvalid: it is not one.
    """
    try:
        return envelope_from(read_object(data))
    except ValueError as problem:
        raise EnvelopeInvalid(
            f"The envelope {problem}.", remedy="The file is broken or is something else. Have it signed again."
        ) from None


def envelope_from(document: Any) -> Envelope:
    """The envelope that a JSON object is.

    Raises:
        ValueError: it is not one; the message says why, to stand after the name of the thing.
    """
    if not isinstance(document, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - one kind of error for the caller
    payload_type, signatures = document.get("payloadType"), document.get("signatures")
    if not isinstance(payload_type, str) or not payload_type:
        raise ValueError("has no payloadType")
    if not isinstance(signatures, list) or not signatures:
        raise ValueError("has no signatures")
    if len(signatures) > _MOST_SIGNATURES:
        raise ValueError(f"has more than {_MOST_SIGNATURES} signatures")
    return Envelope(
        _decoded(document.get("payload"), "payload"), payload_type, tuple(_signature(entry) for entry in signatures)
    )


def _signature(entry: Any) -> Signature:
    if not isinstance(entry, dict):
        raise ValueError("has a signature that is not a JSON object")  # noqa: TRY004 - as above
    key_id = entry.get("keyid", "")
    if not isinstance(key_id, str):
        raise ValueError("has a signature whose keyid is not text")  # noqa: TRY004 - as above
    return Signature(key_id, _decoded(entry.get("sig"), "signature"))


def _decoded(text: Any, what: str) -> bytes:
    """Base64, of either alphabet as DSSE demands."""
    if not isinstance(text, str):
        raise ValueError(f"has no {what}")  # noqa: TRY004 - as above
    try:
        return base64.b64decode(text.translate(_URL_SAFE).encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise ValueError(f"has a {what} that is not base64") from None


def _whose(signature: Signature, signed: bytes, store: TrustStore) -> str:
    """The id of the key that made a signature which does not say."""
    key = next((key for key in store.key if _is_by(signature, signed, key.public_key)), None)
    if key is None:
        raise _not_by_these()
    return key.key_id


def _is_by(signature: Signature, signed: bytes, key: PublicKey) -> bool:
    try:
        key.verify(signature.value, signed)
    except SignatureInvalid:
        return False
    return True


def _require_some(threshold: int) -> None:
    if threshold < 1:
        raise ValueError("the threshold is below 1")


def _not_by_these() -> SignatureInvalid:
    return SignatureInvalid(
        "The signature is not one by a known key over these bytes.",
        remedy="What was signed has changed since, or somebody signed who is not known: vouch keys list",
    )


def _too_few(there: int, needed: int) -> SignatureMissing:
    return SignatureMissing(
        f"There are {there} signatures that count, and {needed} are needed.",
        remedy="Have it signed by more of those who may.",
    )
