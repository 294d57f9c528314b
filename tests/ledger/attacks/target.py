"""A ledger to attack, and what an attacker with its disk, or with the role of its owner, can do to it by SQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import apsw
import psycopg
from tests.ledger.memory import BEGAN
from tests.ledger.store.made_up import prediction

from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.record import Record, RecordType, event
from vouchml.ledger.store import create_store, open_store
from vouchml.ledger.store.base import Sign
from vouchml.ledger.tree import CompactRange

ORIGIN: Final = "example.com/attacked"
KEY: Final = SignerKey.generate(ORIGIN)
ATTACKERS_KEY: Final = SignerKey.generate(ORIGIN)

#: A checkpoint is signed every so many records; the records after the last one are the unsigned tail.
EVERY: Final = 300
SIGNED: Final = 1200
SIZE: Final = 1300
#: The record that an attack is about, and the one beside it.
VICTIM: Final = 700

_PAYLOAD: Final = b'{"label":"malignant","probability":%s}'
TRUE_PAYLOAD: Final = _PAYLOAD % b"0.25"
FALSE_PAYLOAD: Final = _PAYLOAD % b"0.75"


def _made(number: int) -> Record:
    if number == 0:
        return event(RecordType.START, {"worker": "host-1:7"}, time=BEGAN)
    return prediction(request_id=f"request-{number}", payload=TRUE_PAYLOAD)


RECORDS: Final = tuple(_made(number) for number in range(SIZE))


def false_records(records: Sequence[Record] = RECORDS) -> list[Record]:
    """The same history with another probability everywhere."""
    return [
        record if record.type is RecordType.START else prediction(request_id=record.ids[1], payload=FALSE_PAYLOAD)
        for record in records
    ]


def unsigned(_: CompactRange) -> str | None:
    return None


def signed_by(key: SignerKey) -> Sign:
    """A checkpoint whenever a whole stretch of records is there."""

    def make(head: CompactRange) -> str | None:
        return sign(Checkpoint.of(ORIGIN, head, time=BEGAN), key) if head.size % EVERY == 0 else None

    return make


@dataclass(frozen=True)
class Target:
    """The ledger at `url`, which whoever attacks it may change in every way."""

    url: str

    @property
    def is_file(self) -> bool:
        """Whether SQLite keeps it, in one table of whole records; PostgreSQL has one of leaves and one of payloads."""
        return self.url.startswith("sqlite")

    @property
    def tables(self) -> tuple[str, ...]:
        """What holds the records."""
        return ("record",) if self.is_file else ("leaf", "payload")

    @property
    def lookups(self) -> tuple[str, ...]:
        """What finds them by their ids."""
        return ("lookup_recent", "lookup_run", "lookup_block") if self.is_file else ("lookup",)

    def fill(self) -> None:
        """Write its true history."""
        create_store(self.url, ORIGIN)
        self.append(RECORDS, signed_by(KEY))

    def append(self, records: Sequence[Record], sign_head: Sign = unsigned) -> None:
        """Append as the service does: whoever writes the store can run its code too."""
        with closing(open_store(self.url)) as store:
            for start in range(0, len(records), 100):
                store.append(records[start : start + 100], sign=sign_head)

    def run(self, statement: str, *values: Any, sqlite: str | None = None) -> list[tuple[Any, ...]]:
        """Run a statement past all of our code; `sqlite` in its place where the ledger is a file."""
        if self.is_file:
            with closing(apsw.Connection(self.url.removeprefix("sqlite:///"))) as file:
                return list(file.execute(statement if sqlite is None else sqlite, values))
        with psycopg.connect(self.url, options="-c search_path=vouch_ledger") as database:
            done = database.execute(statement.replace("?", "%s").encode(), values)
            return done.fetchall() if done.description else []

    def notes(self) -> list[tuple[int, str]]:
        return [(size, note) for size, note in self.run("SELECT size, note FROM checkpoint ORDER BY size")]

    def write_anew(self, records: Sequence[Record], sign_head: Sign = unsigned, *, keep_notes: int = 0) -> None:
        """Wipe everything and write another history: leaves, payloads, nodes, head and lookups all fit each other.

        The true checkpoints of up to `keep_notes` records are put back.
        """
        notes = self.notes()
        for table in (*self.tables, "served", "node", "checkpoint", "event", *self.lookups):
            self.run(f"DELETE FROM {table}")
        self.run("UPDATE head SET size = 0, range = ?", b"")
        self.append(records, sign_head)
        for size, note in notes:
            if size <= keep_notes:
                self.run("INSERT INTO checkpoint(size, note) VALUES (?, ?)", size, note)
