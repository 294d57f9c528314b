"""The tables of a ledger in SQLite."""

from __future__ import annotations

from typing import Final

TABLES: Final = """
CREATE TABLE ledger(id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL, format INTEGER NOT NULL,
                    created TEXT NOT NULL) STRICT;
CREATE TABLE head(id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, range BLOB NOT NULL) STRICT;
CREATE TABLE served(id INTEGER PRIMARY KEY, text BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE record(idx INTEGER PRIMARY KEY, served INTEGER, place INTEGER NOT NULL, leaf BLOB NOT NULL, salt BLOB,
                    payload BLOB) STRICT;
CREATE TABLE node(level INTEGER, place INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, place)) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
CREATE TABLE event(type TEXT, idx INTEGER, PRIMARY KEY (type, idx)) STRICT, WITHOUT ROWID;
CREATE TABLE lookup_recent(slot INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
CREATE TABLE lookup_run(id INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
CREATE TABLE lookup_block(id INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
INSERT INTO head VALUES (1, 0, x'');
"""
