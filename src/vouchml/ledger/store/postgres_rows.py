"""Write the rows of records to PostgreSQL: one statement a table, each column an array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vouchml.ledger.record import FREQUENT, Record
from vouchml.ledger.store.lookup_key import lookup_key
from vouchml.ledger.store.postgres_connection import Connection
from vouchml.ledger.store.stored_leaf import cut
from vouchml.ledger.tree import Node

#: Records of a bucket have their keys side by side: an append changes pages of the newest bucket only.
_BUCKET_BITS: Final = 16


def add_records(connection: Connection, first: int, records: Sequence[Record], served_ids: Mapping[bytes, int]) -> None:
    """Add leaves, payloads, events and ids of `records`, from the place `first` on, whose `served` all have an id."""
    leaves = [(index, *cut(record), record.served) for index, record in enumerate(records, first)]
    connection.execute(
        "INSERT INTO leaf(idx, served, place, text) "
        "SELECT * FROM unnest(%b::bigint[], %b::integer[], %b::integer[], %b::bytea[])",
        (
            [index for index, *_ in leaves],
            [served_ids[served] if place else None for _, place, _, served in leaves],
            [place for _, place, _, _ in leaves],
            [text for _, _, text, _ in leaves],
        ),
    )
    payloads = [
        (index, record.salt, record.payload)
        for index, record in enumerate(records, first)
        if record.payload is not None
    ]
    if payloads:
        connection.execute(
            "INSERT INTO payload(idx, salt, body) SELECT * FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[])",
            tuple(map(list, zip(*payloads, strict=True))),
        )
    events = [(record.type.value, index) for index, record in enumerate(records, first) if record.type not in FREQUENT]
    if events:
        connection.execute(
            "INSERT INTO event(type, idx) SELECT * FROM unnest(%b::text[], %b::bigint[])",
            tuple(map(list, zip(*events, strict=True))),
        )
    keys = [
        (index >> _BUCKET_BITS, signed_key(name), index)
        for index, record in enumerate(records, first)
        for name in record.ids
    ]
    if keys:
        connection.execute(
            "INSERT INTO lookup(bucket, key, idx) "
            "SELECT * FROM unnest(%b::integer[], %b::bigint[], %b::bigint[]) ON CONFLICT DO NOTHING",
            tuple(map(list, zip(*keys, strict=True))),
        )


def add_nodes(connection: Connection, nodes: Sequence[Node]) -> None:
    """Add nodes of the tree."""
    if nodes:
        connection.execute(
            "INSERT INTO node(level, place, hash) SELECT * FROM unnest(%b::integer[], %b::bigint[], %b::bytea[])",
            tuple(map(list, zip(*nodes, strict=True))),
        )


def number_of_served(connection: Connection, served: bytes) -> int:
    """The number of a text of `served`, which gets one if it has none."""
    found = connection.execute("SELECT id FROM served WHERE text = %b", (served,)).fetchall()
    if not found:
        found = connection.execute("INSERT INTO served(text) VALUES (%b) RETURNING id", (served,)).fetchall()
    return int(found[0][0])


def add_checkpoint(connection: Connection, size: int, note: str) -> None:
    """Add a checkpoint, unless that size has one."""
    connection.execute(
        "INSERT INTO checkpoint(size, note) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (size, note),
    )


def signed_key(name: str) -> int:
    """The key of an id as PostgreSQL has 64 bits: with a sign."""
    return int.from_bytes(lookup_key(name), signed=True)
