"""The public half of a signing key: Ed25519 (RFC 8032), or ECDSA on P-256 with SHA-256 (FIPS 186-5).

A key is named by its id, the SHA-256 of its DER SubjectPublicKeyInfo (RFC 5280) in hexadecimal: the same for whoever
writes the key down, and different for different keys.

```python
key = read_public_key(pem)
key.verify(signature, data)
```
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from vouchml.errors import SignatureInvalid

Algorithm = Literal["ed25519", "p256"]

_PEM_BEGINS: Final = "-----BEGIN PUBLIC KEY-----"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key. Two are equal when their ids are."""

    key_id: str
    algorithm: Algorithm = field(compare=False)
    der: bytes = field(compare=False, repr=False)
    _key: Ed25519PublicKey | EllipticCurvePublicKey = field(compare=False, repr=False)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check that `signature` is one by this key over `data`; a P-256 signature is DER (RFC 3279 section 2.2.3).

        Raises:
            SignatureInvalid: it is not.
        """
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, data)
            else:
                self._key.verify(signature, data, ECDSA(SHA256()))
        except InvalidSignature:
            raise SignatureInvalid(
                f"The signature is not one by the key {self.key_id[:16]} over these bytes.",
                remedy="What was signed has changed since, or the signature is forged. Have it signed again.",
            ) from None

    def to_pem(self) -> str:
        """The key as PEM SubjectPublicKeyInfo, with a line break at the end."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def public_key_of(key: object) -> PublicKey:
    """Our view of a public key of `cryptography`.

    Raises:
        ValueError: it is neither Ed25519 nor on P-256.
    """
    algorithm: Algorithm
    if isinstance(key, Ed25519PublicKey):
        algorithm = "ed25519"
    elif isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        algorithm = "p256"
    else:
        raise ValueError("is neither an Ed25519 nor a P-256 key")  # noqa: TRY004 - one kind of error for the caller
    # Encoded again, so that a key has one id however the file that it came from had encoded it.
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(sha256(der).hexdigest(), algorithm, der, key)


def read_public_key(text: str) -> PublicKey:
    """The key in `text`, which is PEM or base64 of DER, both SubjectPublicKeyInfo.

    Raises:
        ValueError: it is not such a key; the message says what it is instead, without repeating it.
    """
    try:
        if text.lstrip().startswith(_PEM_BEGINS):
            key: object = load_pem_public_key(text.encode("ascii"))
        else:
            key = load_der_public_key(base64.b64decode(text.encode("ascii"), validate=True))
    except (ValueError, binascii.Error, TypeError, UnsupportedAlgorithm):
        raise ValueError("is not a public key in PEM or base64 of DER") from None
    return public_key_of(key)
