"""The links from a prediction to what the log tells of its version: load, promotion, decision, approvals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from vouchml.errors import VouchError
from vouchml.ledger.checkpoint import Checkpoint
from vouchml.ledger.leaf import read_leaf
from vouchml.ledger.link import LinkStatus
from vouchml.ledger.moves import RecordedMove, newest_moves, recorded_moves
from vouchml.ledger.proofs import Tree, verify_inclusion
from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import Entry, LedgerStore
from vouchml.ledger.trace_link import Fact, TraceLink
from vouchml.ledger.tree import leaf_hash

#: So many events of a type are looked through for the one that a prediction follows.
_LOOKED_AT: Final = 1000
_WHO_AND_WHEN: Final = ("time", "who", "by", "why", "role", "stage", "from_version", "to_version")
_TOLD: Final = (*_WHO_AND_WHEN, "outcome", "policy", "statement", "meaning", "reason", "until")
_BY_OTHERS: Final = "the pointer was moved by something other than vouch"


def model_links(
    store: LedgerStore, entry: Entry, leaf: Mapping[str, Any], checkpoint: Checkpoint | None, tree: Tree | None
) -> Iterator[TraceLink]:
    """The links of the prediction at `entry`; those that `checkpoint` covers are held against it, in its `tree`.

    Raises:
        LedgerInvalid: an event cannot be read.
    """
    log = _Log(store, checkpoint, tree)
    served = leaf.get("served") or {}
    load = _load_before(log, entry.index, leaf)
    yield log.link("load", load, "No load of it is recorded.")
    yield _promotion(log, load or entry, served)
    yield _decision(log, entry.index, served)
    for approval in log.about(RecordType.APPROVAL, served, before=entry.index):
        yield _said_first(log.link("approval", approval), "meaning")
    yield from _revocation(log, entry.index, served)


class _Log:
    """The events of a ledger, and their proofs under one checkpoint."""

    def __init__(self, store: LedgerStore, checkpoint: Checkpoint | None, tree: Tree | None) -> None:
        self._store = store
        self._tree = tree
        self._checkpoint = checkpoint

    def events(self, kind: RecordType, *, before: int | None) -> Iterator[Entry]:
        """The latest events of a type in front of a place."""
        return islice(self._store.events(kind, before=before), _LOOKED_AT)

    def about(self, kind: RecordType, served: Mapping[str, Any], *, before: int | None) -> Iterator[Entry]:
        """Those of them that name the model digest of a version."""
        for entry in self.events(kind, before=before):
            if read_leaf(entry.leaf).get("model") == served.get("model"):
                yield entry

    def link(self, name: str, found: Entry | None, missing: str = "") -> TraceLink:
        """A link to an event, with its own proof where the checkpoint covers it."""
        if found is None:
            return TraceLink("model", name, LinkStatus.NOT_CHECKED, missing)
        fields = read_leaf(found.leaf)
        facts = _told(found, fields)
        said = f"Record {found.index} tells of it: {fields['type']} at {fields['time']}."
        checkpoint = self._checkpoint
        if checkpoint is None or self._tree is None:
            later = "It is held against a checkpoint as soon as one covers the prediction."
            return TraceLink("model", name, LinkStatus.NOT_CHECKED, f"{said} {later}", facts)
        try:
            proof = self._tree.inclusion_proof(found.index)
            verify_inclusion(leaf_hash(found.leaf), found.index, checkpoint.size, proof, checkpoint.root)
        except VouchError as error:
            return TraceLink("model", name, LinkStatus.FAILED, error.message, facts)
        return TraceLink("model", name, LinkStatus.VERIFIED, f"{said} It is under the same checkpoint.", facts)


def _told(entry: Entry, fields: Mapping[str, Any]) -> dict[str, Fact]:
    """What a link shows of an event."""
    return {"index": entry.index, "type": fields["type"]} | {key: _fact(fields[key]) for key in _TOLD if key in fields}


def _fact(value: Any) -> Fact:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return value if value is None or isinstance(value, str | int) else str(value)


def _load_before(log: _Log, index: int, leaf: Mapping[str, Any]) -> Entry | None:
    """The load after which the worker of a prediction answered with its version."""
    for entry in log.events(RecordType.MODEL_LOADED, before=index):
        fields = read_leaf(entry.leaf)
        if fields.get("worker") == leaf.get("worker") and fields.get("served") == leaf.get("served"):
            return entry
    return None


def _promotion(log: _Log, loaded: Entry, served: Mapping[str, Any]) -> TraceLink:
    """The move that pointed to the version when it was `loaded`, or when it answered where no load is recorded.

    Only the newest of a stage is one: after a newer one to another version, what pointed back is not in the ledger.
    """
    before, role = loaded.index, read_leaf(loaded.leaf).get("role")
    if role not in (None, "champion"):
        reason = f"It was loaded as the {role} that [serving] names; no promotion makes a version that."
        return TraceLink("model", "promotion", LinkStatus.NOT_CHECKED, reason)
    name, version = str(served.get("name")), str(served.get("version"))
    newest = newest_moves(log, name, before=before)
    explaining = [move for move in newest.values() if move.is_to(version)]
    if explaining:
        return _explained(log, max(explaining, key=lambda move: move.entry.index), served)
    last = next((move for move in recorded_moves(log, name, before=before) if move.is_to(version)), None)
    if last is None:
        reason = f"No promotion to it is recorded before it was loaded: {_BY_OTHERS}, or before this ledger began."
        return TraceLink("model", "promotion", LinkStatus.NOT_CHECKED, reason)
    newer = newest[last.stage]
    reason = (
        f"Record {last.entry.index} is the last move to it, and record {newer.entry.index} moved the pointer to "
        f"version {newer.fields.get('to_version')} before this one was loaded: {_BY_OTHERS}, or the service had kept "
        "this one."
    )
    return TraceLink("model", "promotion", LinkStatus.NOT_CHECKED, reason, _told(last.entry, last.fields))


def _explained(log: _Log, move: RecordedMove, served: Mapping[str, Any]) -> TraceLink:
    promoted = move.fields.get("model")
    if promoted is not None and promoted != served.get("model"):
        reason = f"Record {move.entry.index} moved the pointer to other files of this version than those that answered."
        return TraceLink("model", "promotion", LinkStatus.FAILED, reason, _told(move.entry, move.fields))
    link = log.link("promotion", move.entry)
    return replace(link, reason=f"{link.reason} No newer move of the pointer stands in front of the load.")


def _decision(log: _Log, index: int, served: Mapping[str, Any]) -> TraceLink:
    """The record of the decision that the version served by, or of the emergency in which it served without one."""
    named = served.get("decision")
    if named is None:
        glass = next(log.about(RecordType.BREAK_GLASS, served, before=index), None)
        return log.link("decision", glass, "No decision is recorded: the version served without one.")
    made = log.about(RecordType.DECISION, served, before=index)
    found = next((entry for entry in made if read_leaf(entry.leaf).get("statement") == named), None)
    if found is None:
        reason = "The prediction names a decision, and no record tells of it."
        return TraceLink("model", "decision", LinkStatus.NOT_CHECKED, reason, {"statement": named})
    link = _said_first(log.link("decision", found), "outcome")
    if link.facts.get("outcome") == "FAIL":
        return replace(link, status=LinkStatus.FAILED, reason=f"{link.reason} It lets nothing serve.")
    return link


def _said_first(link: TraceLink, name: str) -> TraceLink:
    """A link whose reason begins with what was said: a mark is about the record, and no approval by itself."""
    said = link.facts.get(name)
    return link if said is None else replace(link, reason=f"{str(said).upper()}. {link.reason}")


def _revocation(log: _Log, index: int, served: Mapping[str, Any]) -> Iterator[TraceLink]:
    """A model that was revoked must not have answered afterwards."""
    for entry in log.about(RecordType.REVOCATION, served, before=None):
        fields = read_leaf(entry.leaf)
        facts = {"index": entry.index, **{key: _fact(fields[key]) for key in _TOLD if key in fields}}
        if entry.index < index:
            reason = f"The model was revoked by record {entry.index}, before it answered."
            yield TraceLink("model", "revocation", LinkStatus.FAILED, reason, facts)
        else:
            reason = f"The model was revoked since, by record {entry.index}."
            yield TraceLink("model", "revocation", LinkStatus.NOT_CHECKED, reason, facts)
