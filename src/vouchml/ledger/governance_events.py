"""Records of what gates and people say about a model: decisions, approvals, revocations, emergency admissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vouchml.ledger.record import Record, RecordType, event


@dataclass(frozen=True, slots=True)
class Said:
    """What is about to be said of the model digest `model`.

    `version` is None where only the digest was named. `statement` is the SHA-256 of the file that says it, and None for
    a revocation, which `trust.toml` says. `by` are the names of the keys that signed, or of the person who revokes.
    """

    kind: Literal["decision", "approval", "revocation", "break_glass"]
    name: str
    model: str
    version: int | None
    statement: str | None
    by: tuple[str, ...]
    details: Mapping[str, str]


def said_record(said: Said, *, time: datetime) -> Record:
    """The record of it."""
    fields = {
        **said.details,
        "by": list(said.by),
        "model": said.model,
        "name": said.name,
        "statement": said.statement,
        "version": None if said.version is None else str(said.version),
    }
    return event(RecordType(said.kind), fields, time=time)
