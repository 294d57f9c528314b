"""Receipts: one record with all that it takes to check, offline, that it is in the ledger.

A receipt holds the leaf, its payload if that may be shown, the inclusion proof and a checkpoint. Whoever has the
verifier key of the ledger needs nothing else. docs/ledger-format.md has the format byte by byte.

```python
receipt = build_receipt(store, store.find(request_id)[0])
verified = verify_receipt(Receipt.parse(receipt.to_json()), VerifierKey.parse(vkey))
for link in verified.links:
    print(link.name, link.status, link.reason)
```
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NoReturn, Protocol

from vouchml.canonical_json import canonical_json
from vouchml.errors import ReceiptInvalid, ReceiptUnavailable
from vouchml.ledger.checkpoint import Checkpoint, read_note
from vouchml.ledger.leaf import erases, read_leaf
from vouchml.ledger.proofs import HashReader, Tree
from vouchml.ledger.record import RecordType

RECEIPT_FORMAT: Final = "vouchml-receipt/v1"
LONGEST_RECEIPT: Final = 16_000_000
_KEYS: Final = {"checkpoint", "erased", "format", "inclusion", "index", "leaf", "payload", "salt"}


class Kept(Protocol):
    """A record as a store gives it back."""

    @property
    def index(self) -> int:
        """Its number."""
        ...

    @property
    def leaf(self) -> bytes:
        """The leaf's bytes."""
        ...

    @property
    def salt(self) -> bytes | None:
        """The 32 bytes in the commitment; None when there is no payload."""
        ...

    @property
    def payload(self) -> bytes | None:
        """The payload's bytes; None when there is none, or it was erased."""
        ...


class ReceiptSource(HashReader, Protocol):
    """What a receipt is made from: a store."""

    def entry(self, index: int) -> Kept:
        """Record `index`."""
        ...

    def find(self, wanted: str, /) -> Sequence[int]:
        """The records with this prediction id or request id."""
        ...

    def events(self, kind: RecordType, *, before: int | None = None) -> Iterator[Kept]:
        """The records of a type that is not frequent, the latest first; only those in front of `before`."""
        ...

    def latest_checkpoint(self) -> tuple[int, str] | None:
        """The size and the note of the latest checkpoint."""
        ...


@dataclass(frozen=True, slots=True)
class Included:
    """A leaf and its way up the tree."""

    leaf: str
    index: int
    inclusion: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A record and what proves it.

    `checkpoint` is a signed note. `payload` and `salt` are None when they were erased, or are not shown. `erased` is
    the record that tells of the erasure, under the same checkpoint.
    """

    record: Included
    checkpoint: str
    payload: str | None = None
    salt: bytes | None = None
    erased: Included | None = None

    def to_json(self) -> str:
        """The receipt as one line of JSON, RFC 8785."""
        document = {
            "format": RECEIPT_FORMAT,
            **_document(self.record),
            "checkpoint": self.checkpoint,
            "payload": self.payload,
            "salt": None if self.salt is None else _encoded(self.salt),
            "erased": None if self.erased is None else _document(self.erased),
        }
        return canonical_json(document).decode()

    @classmethod
    def parse(cls, text: str) -> Receipt:
        """Read what `to_json` wrote. What it says is not checked yet: see `verify_receipt`.

        Raises:
            ReceiptInvalid: it is not a receipt.
        """
        document = _json_object(text)
        if document.get("format") != RECEIPT_FORMAT or set(document) != _KEYS:
            _refuse(f"It is not of the format {RECEIPT_FORMAT}, or has other keys.")
        salt, erased = document["salt"], document["erased"]
        return cls(
            _included(document),
            _text(document["checkpoint"]),
            None if document["payload"] is None else _text(document["payload"]),
            None if salt is None else _decoded(salt),
            None if erased is None else _included(erased),
        )

    def without_payload(self) -> Receipt:
        """The same receipt to show to somebody who may not see the payload."""
        return Receipt(self.record, self.checkpoint, erased=self.erased)


def build_receipt(
    store: ReceiptSource, index: int, *, checkpoint: str | None = None, tree: Tree | None = None
) -> Receipt:
    """The receipt of record `index`, under the latest checkpoint or the one that is given as a note.

    Whoever makes several proofs under one checkpoint gives its `tree`.

    Raises:
        ReceiptUnavailable: there is no such record, or no checkpoint covers it yet.
        CheckpointInvalid: the note that was given is not a checkpoint.
        LedgerInvalid: the ledger lacks something that the receipt needs.
    """
    note = checkpoint
    if note is None:
        latest = store.latest_checkpoint()
        note = latest[1] if latest else None
    size = 0 if note is None else Checkpoint.parse(read_note(note).text).size
    if note is None or not 0 <= index < size:
        raise ReceiptUnavailable(
            f"No checkpoint covers record {index} yet.",
            remedy="Ask again: one is signed every [ledger] checkpoint_records or checkpoint_seconds.",
        )
    entry = store.entry(index)
    tree = tree or Tree(size, store)
    record = Included(entry.leaf.decode(), index, tree.inclusion_proof(index))
    if entry.payload is not None and entry.salt is not None:
        return Receipt(record, note, entry.payload.decode(), entry.salt)
    return Receipt(record, note, erased=_erasure(store, entry.leaf, index, tree))


def _erasure(store: ReceiptSource, leaf: bytes, index: int, tree: Tree) -> Included | None:
    """The record that tells of the erasure of record `index`: one with the same ids, or a prune."""
    fields = read_leaf(leaf)
    if "commitment" not in fields:
        return None
    wanted = fields.get("prediction_id")
    found = store.find(wanted) if isinstance(wanted, str) else ()
    with_ids = (store.entry(place) for place in found if index < place < tree.size)
    for entry in chain(with_ids, store.events(RecordType.RETENTION_PRUNE, before=tree.size)):
        if entry.index > index and erases(read_leaf(entry.leaf), index):
            return Included(entry.leaf.decode(), entry.index, tree.inclusion_proof(entry.index))
    return None


def _document(included: Included) -> dict[str, Any]:
    proof = [_encoded(one) for one in included.inclusion]
    return {"leaf": included.leaf, "index": included.index, "inclusion": proof}


def _included(document: Any) -> Included:
    if not isinstance(document, dict) or not {"leaf", "index", "inclusion"} <= set(document):
        _refuse("It lacks a leaf, an index or an inclusion proof.")
    if document.keys() - _KEYS:
        _refuse("It has other keys.")
    index, inclusion = document["index"], document["inclusion"]
    if type(index) is not int or not 0 <= index < 2**53 or not isinstance(inclusion, list) or len(inclusion) > 64:
        _refuse("Its index or inclusion proof is none.")
    return Included(_text(document["leaf"]), index, tuple(_decoded(one) for one in inclusion))


def _json_object(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_RECEIPT:
        _refuse("It is too long.")
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        _refuse("It is not JSON, or names a key twice.")
    if not isinstance(document, dict):
        _refuse("It is not a JSON object.")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError
    return unique


def _text(value: Any) -> str:
    if not isinstance(value, str):
        _refuse("A text is missing.")
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse("A text in it is not Unicode.")
    return value


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(value: Any) -> bytes:
    """32 bytes of base64url without padding, in their one canonical form."""
    text = _text(value)
    try:
        content = urlsafe_b64decode(text + "=")
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != 32 or _encoded(content) != text:
        _refuse("A hash or the salt is not 32 bytes in base64url without padding.")
    return content


def _refuse(why: str) -> NoReturn:
    raise ReceiptInvalid(f"This is not a receipt. {why}", remedy="Make one: vouch receipt REQUEST_ID -o receipt.json")
