"""The private half of a signing key, in memory.

```python
key = create_signing_key("ed25519")
key.public.verify(key.sign(b"data"), b"data")
```
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from vouchml.trust.public_key import Algorithm, PublicKey, public_key_of

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs. Neither its text nor an error shows the private half."""

    public: PublicKey
    private: PrivateKey = field(compare=False, repr=False)

    def sign(self, data: bytes) -> bytes:
        """A signature over `data`: 64 bytes for Ed25519, DER for P-256."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(data)
        return self.private.sign(data, ECDSA(SHA256()))

    def to_pem(self) -> bytes:
        """The private half as PEM PKCS #8 (RFC 5958), not encrypted."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def create_signing_key(algorithm: Algorithm) -> SigningKey:
    """A new key."""
    return _signing_key(Ed25519PrivateKey.generate() if algorithm == "ed25519" else generate_private_key(SECP256R1()))


def signing_key_from_pem(pem: bytes) -> SigningKey:
    """The key in `pem`, which is PKCS #8 and not encrypted.

    Raises:
        ValueError: it is not an Ed25519 or P-256 key in that form.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # TypeError: it is encrypted.
        raise ValueError("is not a private key in PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise ValueError("is neither an Ed25519 nor a P-256 key")  # noqa: TRY004 - one kind of error for the caller
    return _signing_key(key)


def _signing_key(private: PrivateKey) -> SigningKey:
    return SigningKey(public_key_of(private.public_key()), private)
