"""Check a receipt, link by link, with nothing but the verifier key of its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vouchml.errors import CheckpointInvalid, LedgerInvalid, ProofInvalid
from vouchml.ledger.checkpoint import Checkpoint, SignedNote, VerifierKey, read_note
from vouchml.ledger.leaf import erases, read_leaf
from vouchml.ledger.link import Chain, LinkStatus
from vouchml.ledger.proofs import verify_inclusion
from vouchml.ledger.receipt import Included, Receipt
from vouchml.ledger.record import SALT_BYTES, commitment
from vouchml.ledger.tree import leaf_hash

LinkName = Literal["leaf", "commitment", "inclusion", "signature", "origin", "erasure"]


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain from a record to the key of its ledger, and why it has its status."""

    name: LinkName
    status: LinkStatus
    reason: str


@dataclass(frozen=True, slots=True)
class VerifiedReceipt(Chain):
    """What the check of a receipt came to. `fields` are those of the leaf; None when it is none."""

    receipt: Receipt
    links: tuple[Link, ...]
    fields: Mapping[str, Any] | None
    checkpoint: Checkpoint | None


def verify_receipt(receipt: Receipt, *verifiers: VerifierKey) -> VerifiedReceipt:
    """Check every link of a receipt. Without a verifier key its signature is not checked.

    Several keys are those that the ledger had one after another. Never raises: what is wrong is in the links.
    """
    fields, leaf = _leaf(receipt.record.leaf, "The leaf")
    note, checkpoint, unread = _checkpoint(receipt.checkpoint)
    if note is None or checkpoint is None:
        nothing = "the checkpoint cannot be read"
        tail = [
            Link("inclusion", LinkStatus.NOT_CHECKED, nothing),
            Link("signature", LinkStatus.FAILED, unread),
            Link("origin", LinkStatus.NOT_CHECKED, nothing),
        ]
    else:
        tail = [_inclusion(receipt.record, checkpoint), *_signed(note, checkpoint, verifiers)]
    erasure = [] if receipt.erased is None else [_erasure(receipt.erased, receipt.record.index, checkpoint)]
    links = (leaf, _commitment(receipt, fields), *tail, *erasure)
    return VerifiedReceipt(receipt, links, fields, checkpoint)


def _leaf(text: str, what: str) -> tuple[Mapping[str, Any] | None, Link]:
    try:
        fields = read_leaf(text.encode())
    except LedgerInvalid as error:
        return None, Link("leaf", LinkStatus.FAILED, error.message)
    return fields, Link("leaf", LinkStatus.VERIFIED, f"{what} is a record of {fields['time']}: {fields['type']}.")


def _commitment(receipt: Receipt, fields: Mapping[str, Any] | None) -> Link:
    if fields is None:
        return Link("commitment", LinkStatus.NOT_CHECKED, "The leaf cannot be read.")
    if (receipt.payload is None) != (receipt.salt is None):
        return Link("commitment", LinkStatus.FAILED, "A payload has a salt, and no salt comes without a payload.")
    if "commitment" in fields:
        return Link("commitment", *_opened(receipt, fields["commitment"]))
    if receipt.payload is not None:
        return Link("commitment", LinkStatus.FAILED, "The leaf commits to no payload, and there is one.")
    return Link("commitment", LinkStatus.VERIFIED, "The record has no payload.")


def _opened(receipt: Receipt, committed: str) -> tuple[LinkStatus, str]:
    if receipt.payload is None or receipt.salt is None:
        reason = "The payload was erased." if receipt.erased else "The payload is not in the receipt."
        return LinkStatus.NOT_CHECKED, reason
    if receipt.erased is not None:
        return LinkStatus.FAILED, "The payload is there although it is said to be erased."
    if len(receipt.salt) != SALT_BYTES or commitment(receipt.salt, receipt.payload.encode()) != committed:
        return LinkStatus.FAILED, "The payload is not the one that the leaf commits to."
    return LinkStatus.VERIFIED, "The payload is the one that the leaf commits to."


def _checkpoint(text: str) -> tuple[SignedNote | None, Checkpoint | None, str]:
    try:
        note = read_note(text)
        return note, Checkpoint.parse(note.text), ""
    except CheckpointInvalid as error:
        return None, None, error.message


def _inclusion(included: Included, checkpoint: Checkpoint) -> Link:
    hashed = leaf_hash(included.leaf.encode())
    try:
        verify_inclusion(hashed, included.index, checkpoint.size, included.inclusion, checkpoint.root)
    except ProofInvalid as error:
        return Link("inclusion", LinkStatus.FAILED, error.message)
    return Link(
        "inclusion", LinkStatus.VERIFIED, f"The leaf is record {included.index} of {checkpoint.size} in the checkpoint."
    )


def _signed(note: SignedNote, checkpoint: Checkpoint, verifiers: tuple[VerifierKey, ...]) -> tuple[Link, Link]:
    if not verifiers:
        unchecked = "No verifier key was given."
        return (
            Link("signature", LinkStatus.NOT_CHECKED, unchecked),
            Link("origin", LinkStatus.NOT_CHECKED, unchecked),
        )
    try:
        signed = note.signed_by(*verifiers)
    except CheckpointInvalid as error:
        signed, problem = (), error.message
    else:
        problem = "None of the given keys signed the checkpoint."
    if not signed:
        return (
            Link("signature", LinkStatus.FAILED, problem),
            Link("origin", LinkStatus.NOT_CHECKED, "Nobody known signed the origin."),
        )
    keys = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in signed)
    signature = Link("signature", LinkStatus.VERIFIED, f"Signed by {keys}{_at(checkpoint)}.")
    if checkpoint.origin not in {key.name for key in signed}:
        return signature, Link("origin", LinkStatus.FAILED, "The checkpoint is of another ledger than the key.")
    return signature, Link("origin", LinkStatus.VERIFIED, f"The ledger is {checkpoint.origin}.")


def _at(checkpoint: Checkpoint) -> str:
    return "" if checkpoint.time is None else f" at {checkpoint.time}"


def _erasure(erased: Included, index: int, checkpoint: Checkpoint | None) -> Link:
    def link(status: LinkStatus, reason: str) -> Link:
        return Link("erasure", status, reason)

    try:
        fields = read_leaf(erased.leaf.encode())
        if erased.index <= index or not erases(fields, index):
            return link(LinkStatus.FAILED, "The record that should tell of the erasure erases something else.")
    except LedgerInvalid as error:
        return link(LinkStatus.FAILED, error.message)
    if checkpoint is None:
        return link(LinkStatus.NOT_CHECKED, "The checkpoint cannot be read.")
    inclusion = _inclusion(erased, checkpoint)
    if inclusion.status is LinkStatus.FAILED:
        return link(LinkStatus.FAILED, inclusion.reason)
    basis = fields.get("basis")
    told = f" on the basis: {basis}" if isinstance(basis, str) else ""
    return link(LinkStatus.VERIFIED, f"Record {erased.index} erased the payload at {fields['time']}{told}.")
