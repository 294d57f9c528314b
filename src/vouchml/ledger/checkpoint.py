"""Checkpoints: the head of a ledger as a text that is signed, which anybody can keep and check.

A checkpoint is a signed note (C2SP signed-note) whose text is that of C2SP tlog-checkpoint: origin, size and root, a
line each, and here the time as an extension line. Only Ed25519 (algorithm byte 0x01); its keys are written as in Go's
`golang.org/x/mod/sumdb/note`. The key of a ledger has the ledger's origin as its name.

```python
signer = SignerKey.generate("example.com/ledger")
note = sign(Checkpoint.of("example.com/ledger", head, time=datetime.now(UTC)), signer)
assert verify_note(note, VerifierKey.parse(str(signer.verifier))).size == head.size
```
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from vouchml.errors import CheckpointInvalid
from vouchml.ledger.record import time_text
from vouchml.ledger.tree import HASH_BYTES, CompactRange

if TYPE_CHECKING:  # half a tenth of a second, which `vouch --help` has not
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519: Final = b"\x01"
KEY_ID_BYTES: Final = 4
PUBLIC_KEY_BYTES: Final = 32
MOST_SIGNATURES: Final = 100
LONGEST_NOTE: Final = 1_000_000

_DASH: Final = "\N{EM DASH} "
_PRIVATE: Final = "PRIVATE+KEY+"
_TIME: Final = "time "
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")
_NOT_A_KEY: Final = "Copy the whole line: NAME+8 hexadecimal digits+base64."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree of the ledger `origin` at a size. `extensions` are further lines, each not empty."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def of(cls, origin: str, head: CompactRange, *, time: datetime) -> Checkpoint:
        """The checkpoint of a head at `time`, in UTC."""
        return cls(origin, head.size, head.root(), (_TIME + time_text(time),))

    @property
    def time(self) -> str | None:
        """When it was signed, by the clock of whoever signed it: RFC 3339 in UTC; None when it does not say."""
        return next((line.removeprefix(_TIME) for line in self.extensions if line.startswith(_TIME)), None)

    def body(self) -> str:
        """The text that is signed (C2SP tlog-checkpoint, note text)."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, _encoded(self.root), *self.extensions))

    @classmethod
    def parse(cls, body: str) -> Checkpoint:
        """Read the text of a note.

        Raises:
            CheckpointInvalid: it is not the text of a checkpoint.
        """
        lines = body.removesuffix("\n").split("\n")
        if not body.endswith("\n") or len(lines) < 3 or not all(lines) or not _SIZE.fullmatch(lines[1]):
            raise CheckpointInvalid("The note is not a checkpoint: origin, size and root, a line each.")
        root = _decoded(lines[2])
        if len(root) != HASH_BYTES:
            raise CheckpointInvalid("The root in the checkpoint is not 32 bytes.")
        return cls(lines[0], int(lines[1]), root, tuple(lines[3:]))


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a key for notes: its name and 32 bytes (RFC 8032)."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell it from others of the same name."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_ID_BYTES]

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a verifier key, `name+hash+base64`.

        Raises:
            CheckpointInvalid: it is not an Ed25519 verifier key, or was miscopied.
        """
        name, public, key_id = _key_parts(text.strip())
        key = cls(name, public)
        if key.key_id != key_id:
            raise CheckpointInvalid("The verifier key was changed or miscopied: its hash does not fit.")
        return key

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def __str__(self) -> str:
        """The key as one line, `name+hash+base64`, which `parse` reads."""
        return f"{self.name}+{self.key_id.hex()}+{_encoded(ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The private half of a key for notes."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a name that no note can carry."""
        _require_name(self.name)

    @classmethod
    def generate(cls, name: str) -> SignerKey:
        """A new key.

        Raises:
            CheckpointInvalid: the name is empty or has spaces or `+`.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> SignerKey:
        """Read what `secret_text` wrote, `PRIVATE+KEY+name+hash+base64`.

        Raises:
            CheckpointInvalid: it is not an Ed25519 signer key, or was changed.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        line = text.strip()
        if not line.startswith(_PRIVATE):
            raise CheckpointInvalid("This is not a signer key.")
        name, seed, key_id = _key_parts(line.removeprefix(_PRIVATE))
        key = cls(name, Ed25519PrivateKey.from_private_bytes(seed))
        if key.verifier.key_id != key_id:
            raise CheckpointInvalid("The signer key was changed or miscopied: its hash does not fit.")
        return key

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self.private.sign(message)

    def secret_text(self) -> str:
        """The key as one line, to be kept secret."""
        seed = _encoded(ED25519 + self.private.private_bytes_raw())
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{seed}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note as it was read: nothing in it is checked yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def signed_by(self, *verifiers: VerifierKey) -> tuple[VerifierKey, ...]:
        """Those of `verifiers` that signed the note; signatures of other keys count for nothing.

        Raises:
            CheckpointInvalid: a line claims to be of one of the keys, and is not.
        """
        known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
        message = self.text.encode()
        signed: dict[VerifierKey, None] = {}
        for line in self.signatures:
            verifier = known.get((line.name, line.key_id))
            if verifier is None:
                continue
            if not verifier.verifies(message, line.signature):
                raise CheckpointInvalid(f"The signature of {verifier.name} does not fit the checkpoint.")
            signed[verifier] = None
        return tuple(signed)


def sign_note(text: str, signer: SignerKey) -> str:
    """`text`, which ends with a newline, as a signed note."""
    signature = _encoded(signer.verifier.key_id + signer.sign(text.encode()))
    note = f"{text}\n{_DASH}{signer.name} {signature}\n"
    read_note(note)
    return note


def sign(checkpoint: Checkpoint, signer: SignerKey) -> str:
    """The note of a checkpoint.

    Raises:
        CheckpointInvalid: the origin cannot stand in a note, or is not the name of the key.
    """
    if signer.name != checkpoint.origin:
        raise CheckpointInvalid("The key for checkpoints has another name than the ledger.")
    return sign_note(checkpoint.body(), signer)


def read_note(note: str) -> SignedNote:
    """Take a note apart (C2SP signed-note, format).

    Raises:
        CheckpointInvalid: it is not a note.
    """
    text, gap, lines = note.rpartition("\n\n")
    if len(note) > LONGEST_NOTE or not gap or not text or not lines.endswith("\n") or not _is_plain(note):
        raise CheckpointInvalid("This is not a signed note: a text, an empty line, and signature lines.")
    signatures = lines.removesuffix("\n").split("\n")
    if len(signatures) > MOST_SIGNATURES:
        raise CheckpointInvalid(f"The note has more than {MOST_SIGNATURES} signatures.")
    return SignedNote(f"{text}\n", tuple(_signature(line) for line in signatures))


def verify_note(note: str, *verifiers: VerifierKey) -> Checkpoint:
    """The checkpoint of a note that one of `verifiers` signed, of a ledger with the name of that key.

    Raises:
        CheckpointInvalid: it is not a checkpoint, none of the keys signed it, or one of them signed something else.
    """
    signed = read_note(note)
    checkpoint = Checkpoint.parse(signed.text)
    names = {verifier.name for verifier in signed.signed_by(*verifiers)}
    if not names:
        raise CheckpointInvalid(
            "None of the given keys signed the checkpoint.", remedy="Give the verifier key of its ledger."
        )
    if checkpoint.origin not in names:
        raise CheckpointInvalid("The checkpoint is of another ledger than the key that signed it.")
    return checkpoint


def _signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH):
        raise CheckpointInvalid("A signature line of the note does not begin with a dash.")
    _require_name(name)
    content = _decoded(encoded)
    if len(content) <= KEY_ID_BYTES:
        raise CheckpointInvalid("A signature of the note is too short.")
    return NoteSignature(name, content[:KEY_ID_BYTES], content[KEY_ID_BYTES:])


def _key_parts(text: str) -> tuple[str, bytes, bytes]:
    parts = text.split("+", 2)  # base64 may have a plus, a name may not
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise CheckpointInvalid("This is not a key for notes.", remedy=_NOT_A_KEY)
    _require_name(parts[0])
    content = _decoded(parts[2])
    if content[:1] != ED25519 or len(content) != 1 + PUBLIC_KEY_BYTES:
        raise CheckpointInvalid("This is not an Ed25519 key for notes.", remedy=_NOT_A_KEY)
    return parts[0], content[1:], bytes.fromhex(parts[1])


def _require_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name) or not _is_plain(name):
        raise CheckpointInvalid("The name of a key for notes is not empty, and has neither spaces nor a plus.")


def _is_plain(text: str) -> bool:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return False
    return all(byte >= 0x20 or byte == 0x0A for byte in encoded)


def _encoded(content: bytes) -> str:
    return b64encode(content).decode()


def _decoded(text: str) -> bytes:
    """Standard base64 (RFC 4648 §4) in its one canonical form: otherwise a changed text could say the same."""
    try:
        content = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CheckpointInvalid("A part of the note or key is not base64.") from None
    if _encoded(content) != text:
        raise CheckpointInvalid("A part of the note or key is not base64 in its canonical form.")
    return content
