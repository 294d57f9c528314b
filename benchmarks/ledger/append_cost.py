"""What a record costs in the ledger, and whether that stays the same while the ledger grows.

`python -m benchmarks.ledger.append_cost [--records N] [--group 32] [--folder FOLDER | --url postgresql://…]`

Fills a ledger with predictions of 30 features. At every tenth of the way, 20,000 are appended in groups, each group
one durable commit: a row of the table says what processor time and time such a record took there, how long it takes,
at that size, to find one by an id and to read on, and the bytes that each needs on disk. What is in between is filled
in groups of 1,000. The making of the records is not part of any figure.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from vouchml.canonical_json import canonical_json
from vouchml.ledger.record import Record, RecordType, commitment, time_text
from vouchml.ledger.store import LedgerStore, create_store, open_store

FEATURES: Final = 30
STRETCHES: Final = 10
MEASURED: Final = 20_000
FILLED_AT_ONCE: Final = 1_000
FINDS: Final = 200
READS: Final = 100_000
#: Salts and inputs differ from record to record; making them is no part of the measurement, so few do.
_SHAPES: Final = 64
_SERVED: Final = canonical_json(
    {
        "contract": "c" * 64,
        "data": "d" * 64,
        "decision": "e" * 64,
        "model": "f" * 64,
        "name": "breast-cancer",
        "run": "a" * 32,
        "version": "3",
    }
)


@dataclass(frozen=True)
class Stretch:
    """What a record cost at a size of the log, in microseconds; a commit and a find in milliseconds."""

    size: int
    processor: float
    elapsed: float
    slowest_commit: float
    find: float
    reads_a_second: float
    bytes_a_record: float


class MadeUp:
    """Makes predictions as the service records them, with new random ids, and remembers some of the ids."""

    def __init__(self) -> None:
        self._shapes = [_shape() for _ in range(_SHAPES)]

    def group(self, count: int) -> list[Record]:
        """Some records."""
        return [self._record(self._shapes[number % _SHAPES]) for number in range(count)]

    def _record(self, shape: tuple[bytes, bytes, bytes, bytes]) -> Record:
        before, after, salt, payload = shape
        prediction_id, request_id = f"{random.getrandbits(128):032x}", f"{random.getrandbits(128):032x}"
        leaf = before % (prediction_id.encode(), request_id.encode()) + _SERVED + after
        return Record(RecordType.PREDICTION, leaf, _SERVED, salt, payload, (prediction_id, request_id))


def _shape() -> tuple[bytes, bytes, bytes, bytes]:
    salt = random.randbytes(32)
    payload = canonical_json(
        {
            "caller": "clinic-7",
            "door": "predict",
            "inputs": b64encode(random.randbytes(8 * FEATURES)).decode(),
            "label": "malignant",
            "out_of_range": [],
            "prediction": 1,
            "probability": random.random(),
            "role": "champion",
            "threshold": 0.5,
        }
    )
    before = f'{{"commitment":"{commitment(salt, payload)}","prediction_id":"%s","request_id":"%s","served":'
    moment = time_text(datetime.now(UTC))
    after = f',"time":"{moment}","type":"prediction","v":1,"worker":"a-host/2/4711"}}'
    return before.encode(), after.encode(), salt, payload


def measure(store: LedgerStore, records: int, group: int, database: Path | None) -> Iterator[Stretch]:
    """Fill the ledger with `records` records, and say what the last ones of each tenth cost."""
    made_up, known = MadeUp(), []
    for stretch in range(1, STRETCHES + 1):
        until = records * stretch // STRETCHES - MEASURED
        while store.head().size < until:
            made = made_up.group(min(FILLED_AT_ONCE, until - store.head().size))
            known.append((store.append(made, sign=lambda _: None).first_index, made[0].ids[0]))
        groups = [made_up.group(group) for _ in range(MEASURED // group)]
        slowest, processor_before, before = 0.0, time.process_time(), time.perf_counter()
        for made in groups:
            began = time.perf_counter()
            first = store.append(made, sign=lambda _: None).first_index
            slowest = max(slowest, time.perf_counter() - began)
        elapsed, processor = time.perf_counter() - before, time.process_time() - processor_before
        known.append((first, groups[-1][0].ids[0]))
        size, appended = store.head().size, len(groups) * group
        yield Stretch(
            size,
            processor / appended * 1e6,
            elapsed / appended * 1e6,
            slowest * 1e3,
            _milliseconds_to_find(store, known),
            _reads_a_second(store, size),
            _bytes(database) / size if database is not None else float("nan"),
        )


def _milliseconds_to_find(store: LedgerStore, known: list[tuple[int, str]]) -> float:
    took = []
    for index, name in random.choices(known, k=FINDS):
        before = time.perf_counter()
        found = store.find(name)
        took.append(time.perf_counter() - before)
        assert found == (index,)
    return statistics.median(took) * 1e3


def _reads_a_second(store: LedgerStore, size: int) -> float:
    start = random.randrange(max(1, size - READS))
    before = time.perf_counter()
    read = sum(1 for _ in store.entries(start, start + READS))
    return read / (time.perf_counter() - before)


def _bytes(database: Path) -> int:
    return sum(path.stat().st_size for path in database.parent.iterdir())


def show(console: Console, stretches: Iterator[Stretch]) -> None:
    """Print what was measured, as it comes."""
    table = Table("records", "µs processor", "µs", "slowest commit, ms", "find, ms", "read/s", "bytes a record")
    for stretch in stretches:
        console.print(f"{stretch.size:,} records", style="dim")
        table.add_row(
            f"{stretch.size:,}",
            f"{stretch.processor:.2f}",
            f"{stretch.elapsed:.2f}",
            f"{stretch.slowest_commit:.1f}",
            f"{stretch.find:.3f}",
            f"{stretch.reads_a_second:,.0f}",
            f"{stretch.bytes_a_record:.0f}",
        )
    console.print(table)


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--group", type=int, default=32, help="records a commit")
    parser.add_argument("--folder", type=Path, help="where the temporary SQLite file is; the system's folder else")
    parser.add_argument("--url", help="an empty PostgreSQL database instead")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        database: Path | None = None
        url: str = chosen.url or ""
        if not url:
            database = Path(stack.enter_context(TemporaryDirectory(dir=chosen.folder)), "ledger.db")
            url = f"sqlite:///{database}"
        create_store(url, "benchmark")
        store = stack.enter_context(closing(open_store(url)))
        show(Console(highlight=False), measure(store, chosen.records, chosen.group, database))


if __name__ == "__main__":
    main()
