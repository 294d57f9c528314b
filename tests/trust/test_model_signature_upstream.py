"""The OpenSSF's own `model_signing` verifies ours, and we verify what it signs. It knows P-256, and no Ed25519."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.trust.signed_examples import NOW, trusted

from vouchml.errors import FileAdded, FileChanged, SignatureInvalid
from vouchml.model import model_digest
from vouchml.trust.model_signature import (
    SIGNATURE_FILE,
    read_model_signature,
    sign_model,
    verify_model,
    verify_model_by,
)
from vouchml.trust.signing_key import SigningKey, create_signing_key
from vouchml.trust.trust_store import TrustStore


@dataclass(frozen=True)
class Place:
    """A model, a key in files as upstream wants them, and where the signature goes."""

    model: Path
    key: SigningKey
    signature: Path

    def upstream(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "model_signing", verb, "key", str(self.model)]
        return subprocess.run(
            [*command, "--signature", str(self.signature), *arguments], capture_output=True, text=True, check=False
        )

    def sign_by_upstream(self) -> None:
        told = self.upstream("sign", "--private_key", str(self.signature.parent / "private.pem"))
        assert told.returncode == 0, told.stderr

    def verify_by_upstream(self) -> bool:
        told = self.upstream("verify", "--public_key", str(self.signature.parent / "public.pem"))
        assert ("Verification succeeded" in told.stdout) == (told.returncode == 0), told.stdout + told.stderr
        return told.returncode == 0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    model = tmp_path / "model"
    for name, content in {"MLmodel": b"x", "a/b": b"deep", "a.b": b"beside", "model.onnx": b"\0" * 2**20}.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(content)
    key = create_signing_key("p256")
    (tmp_path / "private.pem").write_bytes(key.to_pem())
    (tmp_path / "public.pem").write_text(key.public.to_pem())
    return Place(model, key, tmp_path / SIGNATURE_FILE)


def test_upstream_verifies_ours_and_refuses_a_changed_file(place: Place) -> None:
    place.signature.write_bytes(sign_model(place.model, place.key, name="m"))
    assert place.verify_by_upstream()
    (place.model / "a" / "b").write_bytes(b"Deep")
    assert not place.verify_by_upstream()


def test_we_verify_what_upstream_signs_and_find_the_same_model_digest(place: Place) -> None:
    place.sign_by_upstream()
    signature = read_model_signature(place.signature.read_bytes())
    signed = verify_model_by(place.model, signature, place.key.public)
    assert signed.digest == model_digest(place.model)
    assert signed.name == "model"
    store = TrustStore(key=(trusted(place.key, "trainer", "ada"),))
    assert verify_model(place.model, signature, store, at=NOW) == (signed, store.key[0])
    with pytest.raises(SignatureInvalid):
        verify_model_by(place.model, signature, create_signing_key("p256").public)
    (place.model / "a" / "b").write_bytes(b"Deep")
    with pytest.raises(FileChanged):
        verify_model_by(place.model, signature, place.key.public)


def test_what_upstream_lets_lie_beside_the_signed_files_we_refuse(place: Place) -> None:
    place.sign_by_upstream()
    (place.model / ".gitattributes").write_bytes(b"x")
    assert place.verify_by_upstream()
    with pytest.raises(FileAdded, match=r"\.gitattributes"):
        verify_model_by(place.model, read_model_signature(place.signature.read_bytes()), place.key.public)
