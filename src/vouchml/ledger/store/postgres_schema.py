"""The tables of a ledger in PostgreSQL, in a schema `vouch_ledger`, and who may do what with them.

The owner makes the tables and erases. The role of the service adds, and moves the head; it can change or delete no
record, whoever has taken the service over.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = """
CREATE SCHEMA IF NOT EXISTS vouch_ledger;
CREATE TABLE ledger(id integer PRIMARY KEY CHECK (id = 1), origin text NOT NULL, format integer NOT NULL,
                    created text NOT NULL);
CREATE TABLE head(id integer PRIMARY KEY CHECK (id = 1), size bigint NOT NULL, range bytea NOT NULL);
CREATE TABLE served(id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text bytea NOT NULL UNIQUE);
CREATE TABLE leaf(idx bigint PRIMARY KEY, served integer, place integer NOT NULL, text bytea NOT NULL);
CREATE TABLE payload(idx bigint PRIMARY KEY, salt bytea NOT NULL, body bytea NOT NULL);
CREATE TABLE node(level integer, place bigint, hash bytea NOT NULL, PRIMARY KEY (level, place));
CREATE TABLE checkpoint(size bigint PRIMARY KEY, note text NOT NULL);
CREATE TABLE event(type text, idx bigint, PRIMARY KEY (type, idx));
CREATE TABLE lookup(bucket integer, key bigint, idx bigint, PRIMARY KEY (bucket, key, idx));
INSERT INTO head VALUES (1, 0, '');
"""

#: What the role of the service may do besides reading; all else is refused.
SERVICE_RIGHTS: Final = (
    "GRANT USAGE ON SCHEMA vouch_ledger TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA vouch_ledger TO {role}",
    "GRANT INSERT ON leaf, payload, served, node, checkpoint, event, lookup TO {role}",
    "GRANT UPDATE ON head TO {role}",
)
