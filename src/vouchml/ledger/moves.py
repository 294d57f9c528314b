"""Records of promotions and rollbacks: who pointed the stage at which version, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vouchml.ledger.record import Record, RecordType, event


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
