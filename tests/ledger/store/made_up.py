"""Records as the service makes them, with nothing behind them."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime

from vouchml.canonical_json import canonical_json
from vouchml.ledger.record import Record, RecordType, commitment, event, time_text
from vouchml.ledger.tree import CompactRange

MOMENT = datetime(2026, 11, 24, 22, 4, 12, 123456, tzinfo=UTC)


def served_by(version: str = "3") -> bytes:
    """What the leaves of one version have in common."""
    return canonical_json({"contract": "c" * 64, "model": "d" * 64, "name": "a model", "version": version})


def prediction(
    *,
    request_id: str | None = None,
    version: str = "3",
    payload: bytes = b'{"inputs":"of this row"}',
    salt: bytes | None = None,
) -> Record:
    """A prediction."""
    salt = salt or os.urandom(32)
    prediction_id, request_id = secrets.token_hex(16), request_id or secrets.token_hex(16)
    served = served_by(version)
    leaf = canonical_json(
        {
            "commitment": commitment(salt, payload),
            "prediction_id": prediction_id,
            "request_id": request_id,
            "served": "HERE",
            "time": time_text(MOMENT),
            "type": "prediction",
            "v": 1,
        }
    ).replace(b'"HERE"', served)
    return Record(RecordType.PREDICTION, leaf, served, salt, payload, (prediction_id, request_id))


def predictions(count: int) -> list[Record]:
    """Some predictions."""
    return [prediction() for _ in range(count)]


def erasure(index: int) -> Record:
    """The record of an erasure."""
    return event(RecordType.ERASURE, {"basis": "art. 17", "index": index}, time=MOMENT)


def unsigned(_: CompactRange) -> str | None:
    """Let an append have no checkpoint."""
    return None


def signed(head: CompactRange) -> str | None:
    """Let an append have a checkpoint that says its size."""
    return f"a note of {head.size}\n"
