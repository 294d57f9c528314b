"""Write the ledger to a Parquet file for analysis: a row a record, some thousand at a time.

`leaf` is the text that was hashed, so that nothing is lost; the other columns are what analysts ask for. Payloads that
were erased are null. The file has personal data where the ledger has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from vouchml.ledger.payload import read_payload
from vouchml.ledger.record import RecordType
from vouchml.ledger.store.base import Entry, LedgerStore

ROWS_AT_ONCE: Final = 8192
SCHEMA: Final = pa.schema(
    [
        ("index", pa.int64()),
        ("type", pa.string()),
        ("time", pa.timestamp("us", "UTC")),
        ("worker", pa.string()),
        ("request_id", pa.string()),
        ("prediction_id", pa.string()),
        ("row", pa.int64()),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("run_id", pa.string()),
        ("model_digest", pa.string()),
        ("contract_digest", pa.string()),
        ("data_sha256", pa.string()),
        ("decision", pa.string()),
        ("erased", pa.bool_()),
        ("caller", pa.string()),
        ("door", pa.string()),
        ("role", pa.string()),
        ("inputs", pa.list_(pa.float64())),
        ("probability", pa.float64()),
        ("threshold", pa.float64()),
        ("prediction", pa.string()),
        ("label", pa.string()),
        ("out_of_range", pa.list_(pa.string())),
        ("leaf", pa.string()),
    ]
)
_OF_SERVED: Final = {
    "model_name": "name",
    "model_version": "version",
    "run_id": "run",
    "model_digest": "model",
    "contract_digest": "contract",
    "data_sha256": "data",
    "decision": "decision",
}


def export(
    store: LedgerStore,
    file: Path,
    *,
    since: str | None = None,
    types: Collection[str] = (),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> int:
    """Write the records from the time `since` on, as leaves have it, of all `types` or of these; how many there were.

    Raises:
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read.
        OSError: the file cannot be written.
    """
    size, written = store.head().size, 0
    file.touch(mode=0o600)  # it has what the ledger has, which is for its owner only
    with ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        rows = _rows(store, size, since, types, progress)
        while part := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_batch(pa.RecordBatch.from_pylist(part, schema=SCHEMA))
            written += len(part)
    return written


def _rows(
    store: LedgerStore, size: int, since: str | None, types: Collection[str], progress: Callable[[int, int], None]
) -> Iterator[dict[str, Any]]:
    for entry in store.entries(0, size):
        if entry.index % ROWS_AT_ONCE == 0:
            progress(entry.index, size)
        leaf = json.loads(entry.leaf)
        if (since is None or leaf["time"] >= since) and (not types or leaf["type"] in types):
            yield _row(entry, leaf)


def _row(entry: Entry, leaf: dict[str, Any]) -> dict[str, Any]:
    served = leaf.get("served") or {}
    return {
        "index": entry.index,
        "time": datetime.fromisoformat(leaf["time"]),
        "erased": "commitment" in leaf and entry.payload is None,
        "leaf": entry.leaf.decode(),
        **{name: leaf.get(name) for name in ("type", "worker", "request_id", "prediction_id", "row")},
        **{column: served.get(name) for column, name in _OF_SERVED.items()},
        **_opened(entry, leaf["type"]),
    }


def _opened(entry: Entry, kind: str) -> dict[str, Any]:
    if entry.payload is None:
        return {}
    if kind == RecordType.OUTCOME:
        outcome = json.loads(entry.payload)
        return {"label": outcome["label"], "prediction": str(outcome["value"])}
    if kind != RecordType.PREDICTION:
        return {}
    payload = read_payload(entry.payload)
    return {
        "caller": payload.caller,
        "door": payload.door,
        "role": payload.role,
        "inputs": payload.inputs,
        "probability": payload.probability,
        "threshold": payload.threshold,
        "prediction": str(payload.prediction),
        "label": payload.label,
        "out_of_range": list(payload.out_of_range),
    }
