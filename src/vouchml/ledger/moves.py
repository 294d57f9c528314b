"""Records of promotions and rollbacks: who pointed the stage at which version, and why.

Anybody who may write to MLflow can move a pointer, and leaves no record here. So a move explains where a pointer is
only as long as no newer one of the same stage points elsewhere.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from vouchml.ledger.leaf import read_leaf
from vouchml.ledger.record import Record, RecordType, event
from vouchml.ledger.store.base import Entry


class Events(Protocol):
    """What moves are read from: a store."""

    def events(self, kind: RecordType, *, before: int | None) -> Iterator[Entry]:
        """The records of a type, the latest first; only those in front of the place `before`."""
        ...


@dataclass(frozen=True, slots=True)
class Move:
    """What is about to be done to the pointer of `stage`. Digests are 64 hexadecimal characters, None if not known."""

    action: Literal["promotion", "rollback"]
    name: str
    stage: str
    from_version: int | None
    to_version: int
    run: str | None
    model: str | None
    decision: str | None
    who: str
    why: str


def move_record(move: Move, *, time: datetime) -> Record:
    """The record of a move; versions are texts, as in the `served` of predictions."""
    fields = {
        "decision": move.decision,
        "from_version": None if move.from_version is None else str(move.from_version),
        "model": move.model,
        "name": move.name,
        "run": move.run,
        "stage": move.stage,
        "to_version": str(move.to_version),
        "who": move.who,
        "why": move.why,
    }
    return event(RecordType(move.action), fields, time=time)


@dataclass(frozen=True, slots=True)
class RecordedMove:
    """A promotion or rollback that is in the ledger: its record, and the fields of its leaf."""

    entry: Entry
    fields: Mapping[str, Any]

    @property
    def stage(self) -> str | None:
        """The stage whose pointer was moved."""
        stage = self.fields.get("stage")
        return stage if isinstance(stage, str) else None

    def is_to(self, version: str) -> bool:
        """Whether it was to this version."""
        return bool(self.fields.get("to_version") == version)


def recorded_moves(source: Events, name: str, *, before: int | None = None) -> Iterator[RecordedMove]:
    """The moves of the pointers of the registered model `name` in front of a place, the latest first.

    Raises:
        LedgerInvalid: one cannot be read.
    """
    kinds = (source.events(kind, before=before) for kind in (RecordType.PROMOTION, RecordType.ROLLBACK))
    for entry in heapq.merge(*kinds, key=lambda entry: -entry.index):
        fields = read_leaf(entry.leaf)
        if fields.get("name") == name:
            yield RecordedMove(entry, fields)


def newest_moves(source: Events, name: str, *, before: int | None = None) -> dict[str | None, RecordedMove]:
    """Of the same moves the newest of each stage, by stage.

    Raises:
        LedgerInvalid: one cannot be read.
    """
    newest: dict[str | None, RecordedMove] = {}
    for move in recorded_moves(source, name, before=before):
        newest.setdefault(move.stage, move)
    return newest
