from __future__ import annotations

import base64
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from vouchml.errors import SignatureInvalid
from vouchml.trust.public_key import Algorithm, public_key_of, read_public_key
from vouchml.trust.signing_key import SigningKey, create_signing_key, signing_key_from_pem

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)

# RFC 8032 section 7.1, test 3.
RFC_8032_SECRET = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
RFC_8032_SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)


@pytest.fixture(params=ALGORITHMS)
def key(request: pytest.FixtureRequest) -> SigningKey:
    return create_signing_key(request.param)


def test_what_a_key_signs_is_verified_by_its_public_half(key: SigningKey) -> None:
    key.public.verify(key.sign(b"data"), b"data")


def test_other_bytes_another_key_and_a_changed_signature_are_refused(key: SigningKey) -> None:
    signature = key.sign(b"data")
    changed = signature[:-1] + bytes([signature[-1] ^ 1])
    other = create_signing_key(key.public.algorithm)
    for public, value, data in (
        (key.public, signature, b"Data"),
        (other.public, signature, b"data"),
        (key.public, changed, b"data"),
        (key.public, b"", b"data"),
        (key.public, signature + b"\0", b"data"),
        (key.public, create_signing_key("ed25519").sign(b"data"), b"data"),
    ):
        with pytest.raises(SignatureInvalid, match="is not one by the key"):
            public.verify(value, data)


def test_ed25519_gives_the_signature_of_rfc_8032() -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(RFC_8032_SECRET)
    key = SigningKey(public_key_of(private.public_key()), private)
    assert key.sign(bytes.fromhex("af82")) == RFC_8032_SIGNATURE


def test_the_id_is_the_sha256_of_the_der_that_openssl_writes(key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(key.to_pem())
    der = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "key.pem", "-pubout", "-outform", "DER"], capture_output=True, check=True
    ).stdout
    assert key.public.key_id == sha256(der).hexdigest()
    assert key.public.der == der


def test_openssl_verifies_what_a_p256_key_signs(tmp_path: Path) -> None:
    key = create_signing_key("p256")
    (tmp_path / "public.pem").write_text(key.public.to_pem())
    (tmp_path / "data").write_bytes(b"data")
    (tmp_path / "signature").write_bytes(key.sign(b"data"))
    command = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "data"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).stdout == b"Verified OK\n"


def test_a_key_comes_back_from_pem_and_from_der(key: SigningKey) -> None:
    assert signing_key_from_pem(key.to_pem()) == key
    assert read_public_key(key.public.to_pem()) == key.public
    assert read_public_key(base64.b64encode(key.public.der).decode()) == key.public


def test_a_point_that_is_written_in_another_way_is_the_same_key() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    compressed = private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    again = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), compressed)
    assert public_key_of(again).key_id == public_key_of(private.public_key()).key_id


def test_neither_the_text_of_a_key_nor_its_public_half_shows_the_private_one(key: SigningKey) -> None:
    secret = b"".join(key.to_pem().splitlines()[1:-1]).decode()
    assert secret[-40:] not in f"{key!r} {key.public!r} {key.public.to_pem()}"
    assert "private" not in repr(key)


@pytest.mark.parametrize(
    "private",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["rsa", "p384", "secp256k1"],
)
def test_keys_of_other_kinds_are_refused(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="neither an Ed25519 nor a P-256 key"):
        signing_key_from_pem(pem)
    with pytest.raises(ValueError, match="neither an Ed25519 nor a P-256 key"):
        read_public_key(public.decode())


def test_an_encrypted_key_and_a_private_key_in_the_place_of_a_public_one_are_refused(key: SigningKey) -> None:
    encrypted = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    with pytest.raises(ValueError, match="without a password"):
        signing_key_from_pem(encrypted)
    with pytest.raises(ValueError, match="is not a public key"):
        read_public_key(key.to_pem().decode())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_a_key_or_a_signature_or_end_in_another_error(data: bytes) -> None:
    for text in (data.decode("latin-1"), base64.b64encode(data).decode(), f"-----BEGIN PUBLIC KEY-----\n{data!r}"):
        with pytest.raises(ValueError, match="is n"):
            read_public_key(text)
    for pem in (data, b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(data) + b"\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(ValueError, match="is n"):
            signing_key_from_pem(pem)
    for public in PUBLIC:
        with pytest.raises(SignatureInvalid):
            public.verify(data, b"data")


PUBLIC = [create_signing_key(algorithm).public for algorithm in ALGORITHMS]
