"""The trace of one prediction, as far as the ledger itself can prove it: link by link, each checked or not, and why.

```python
trace = trace_prediction(store, index, trust)
for link in trace.links:
    print(link.name, link.status, link.reason)
```
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

from vouchml.errors import EvidenceRefused, ReceiptUnavailable, VouchError
from vouchml.ledger.checkpoint import Checkpoint, read_note
from vouchml.ledger.leaf import erases, read_leaf
from vouchml.ledger.link import Chain, LinkStatus
from vouchml.ledger.proofs import Tree, inclusion_proof, verify_inclusion
from vouchml.ledger.receipt import Included, Receipt, build_receipt
from vouchml.ledger.receipt_check import VerifiedReceipt, verify_receipt
from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import Entry, LedgerStore
from vouchml.ledger.trace_link import Fact, TraceLink
from vouchml.ledger.trace_model import model_links
from vouchml.ledger.tree import leaf_hash
from vouchml.ledger.trusted_keys import LedgerKey, ledger_keys
from vouchml.trust.trust_store import TrustStore

#: Predictions of one id that are traced at most; a request may have twenty thousand rows.
MOST_TRACED: Final = 20
_OF_RECORD: Final = ("leaf", "commitment", "erasure")


@dataclass(frozen=True, slots=True)
class Trace(Chain):
    """A prediction and the links from it on. `leaf` are the fields of its leaf, `payload` the text of its payload."""

    index: int
    leaf: Mapping[str, Any]
    payload: str | None
    links: tuple[TraceLink, ...]


def trace_prediction(store: LedgerStore, index: int, trust: TrustStore) -> Trace:
    """The trace of the prediction at the place `index`.

    Raises:
        LedgerInvalid: there is no such record, or the ledger lacks something that the trace needs.
    """
    entry, latest = store.entry(index), store.latest_checkpoint()
    checkpoint = None if latest is None else Checkpoint.parse(read_note(latest.note).text)
    tree = None if checkpoint is None else Tree(checkpoint.size, store)
    leaf = read_leaf(entry.leaf)
    keys = ledger_keys(trust, store.origin())
    try:
        receipt = build_receipt(store, index, checkpoint=latest.note if latest else None, tree=tree)
    except ReceiptUnavailable:
        checked = _uncovered(entry)
        unsigned = TraceLink("log", "signature", LinkStatus.NOT_CHECKED, "No checkpoint covers the record yet.")
        log: tuple[TraceLink, ...] = (_in_tree(store, entry), unsigned)
    else:
        checked = verify_receipt(receipt, *(key.verifier for key in keys))
        log = (*_log_links(checked), *_key_links(checked, keys, trust))
    record = tuple(_record_links(store, entry, leaf, checked))
    payload = None if entry.payload is None else entry.payload.decode()
    return Trace(index, leaf, payload, (*record, *log, *model_links(store, entry, leaf, checked.checkpoint, tree)))


def _uncovered(entry: Entry) -> VerifiedReceipt:
    """The check of a receipt that has no checkpoint; only what concerns the record itself is used of it."""
    opened: dict[str, Any] = {} if entry.payload is None else {"payload": entry.payload.decode(), "salt": entry.salt}
    return verify_receipt(Receipt(Included(entry.leaf.decode(), entry.index, ()), "", **opened))


def _record_links(
    store: LedgerStore, entry: Entry, leaf: Mapping[str, Any], checked: VerifiedReceipt
) -> Iterator[TraceLink]:
    for link in checked.links:
        if link.name == "leaf":
            facts = {"index": entry.index, **{name: leaf[name] for name in ("time", "worker", "row") if name in leaf}}
            yield TraceLink("record", "record", link.status, link.reason, facts)
        elif link.name == "commitment":
            told = _erasure_since(store, entry, leaf) if entry.payload is None and not checked.receipt.erased else None
            reason = link.reason if told is None else "The payload was erased."
            yield TraceLink("record", "payload", link.status, reason)
            if told is not None:
                yield told
        elif link.name == "erasure":
            assert checked.receipt.erased is not None  # noqa: S101 - there is a link only where there is a record
            told_by = _erasure_facts(checked.receipt.erased.index, json.loads(checked.receipt.erased.leaf))
            yield TraceLink("record", "erasure", link.status, link.reason, told_by)


def _erasure_facts(index: int, fields: Mapping[str, Any]) -> Mapping[str, Fact]:
    return {"index": index, **{name: fields.get(name) for name in ("type", "time", "basis", "who")}}


def _erasure_since(store: LedgerStore, entry: Entry, leaf: Mapping[str, Any]) -> TraceLink | None:
    """The record of an erasure that no checkpoint covers yet."""
    with_ids = (store.entry(place) for place in store.find(leaf["prediction_id"]))
    for other in chain(with_ids, store.events(RecordType.RETENTION_PRUNE)):
        fields = read_leaf(other.leaf)
        if other.index > entry.index and erases(fields, entry.index):
            basis = f" on the basis: {fields['basis']}" if fields.get("basis") else ""
            reason = f"Record {other.index} erased it at {fields['time']}{basis}. No checkpoint covers that yet."
            return TraceLink("record", "erasure", LinkStatus.NOT_CHECKED, reason, _erasure_facts(other.index, fields))
    return None


def _in_tree(store: LedgerStore, entry: Entry) -> TraceLink:
    """The record in the tree that the ledger has now, which nobody has signed yet."""
    head = store.head()
    try:
        proof = inclusion_proof(entry.index, head.size, store)
        verify_inclusion(leaf_hash(entry.leaf), entry.index, head.size, proof, head.root())
    except VouchError as error:
        return TraceLink("log", "inclusion", LinkStatus.FAILED, error.message)
    reason = f"It is in the tree of {head.size} records that the ledger has now."
    return TraceLink("log", "inclusion", LinkStatus.VERIFIED, reason, {"size": head.size})


def _log_links(checked: VerifiedReceipt) -> Iterator[TraceLink]:
    checkpoint = checked.checkpoint
    facts = (
        {} if checkpoint is None else {"size": checkpoint.size, "time": checkpoint.time, "origin": checkpoint.origin}
    )
    for link in checked.links:
        if link.name not in _OF_RECORD:
            yield TraceLink("log", link.name, link.status, link.reason, facts if link.name == "signature" else {})


def _key_links(checked: VerifiedReceipt, keys: tuple[LedgerKey, ...], trust: TrustStore) -> Iterator[TraceLink]:
    """Whose key signed the checkpoint, and whether it counted then."""
    checkpoint = checked.checkpoint
    signature = next(link for link in checked.links if link.name == "signature")
    if checkpoint is None or signature.status is not LinkStatus.VERIFIED:
        yield TraceLink("log", "key", LinkStatus.NOT_CHECKED, "No key of the trust store signed the checkpoint.")
        return
    signed = read_note(checked.receipt.checkpoint).signed_by(*(key.verifier for key in keys))
    for key in keys:
        if key.verifier not in signed:
            continue
        trusted = key.trusted
        whose = "a development key" if trusted.development else f"{trusted.name} <{trusted.email}>"
        facts: dict[str, Fact] = {"key_id": trusted.key_id, "name": trusted.name, "development": trusted.development}
        try:
            moment = datetime.fromisoformat(checkpoint.time) if checkpoint.time else trusted.valid_from
            trust.verifier("ledger", trusted.key_id, at=moment)
        except (EvidenceRefused, ValueError) as error:
            reason = error.message if isinstance(error, VouchError) else "The checkpoint has no time that can be read."
            yield TraceLink("log", "key", LinkStatus.FAILED, reason, facts)
        else:
            yield TraceLink("log", "key", LinkStatus.VERIFIED, f"It is {whose}, valid in the trust store then.", facts)
