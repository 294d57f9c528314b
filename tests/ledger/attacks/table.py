"""Every attack on a ledger that we know of, who can do it, and what finds it: with and without a checkpoint elsewhere.

docs/threat-model.md has the same table, which a test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tests.ledger.attacks.target import (
    ATTACKERS_KEY,
    EVERY,
    FALSE_PAYLOAD,
    KEY,
    RECORDS,
    SIGNED,
    SIZE,
    VICTIM,
    Target,
    false_records,
    signed_by,
)
from tests.ledger.memory import BEGAN
from tests.ledger.store.made_up import prediction

from vouchml.ledger.record import RecordType, event

Needs = Literal["the store", "the store and the key"]
#: `tampered` and `incomplete` name the finding; `not found` is what we do not protect against.
Found = tuple[Literal["tampered", "incomplete"], str] | Literal["not found"]
NOT_FOUND: Final = "not found"
PAIR: Final = (VICTIM, VICTIM + 1)


@dataclass(frozen=True)
class Attack:
    """What is done to a full ledger, and what a verification with the true key says of it.

    `receipt`: whether a receipt of the victim that is made afterwards verifies: `no` when it fails or cannot be made.
    """

    name: str
    do: Callable[[Target], None]
    alone: Found
    with_outside: Found
    receipt: Literal["true", "no", "false one verifies"]
    needs: Needs = "the store"


def change_probability(target: Target) -> None:
    of_file = "UPDATE record SET payload = ? WHERE idx = ?"
    target.run("UPDATE payload SET body = ? WHERE idx = ?", FALSE_PAYLOAD, VICTIM, sqlite=of_file)


def change_probability_and_record(target: Target) -> None:
    forged = list(RECORDS)
    forged[VICTIM] = prediction(request_id=f"request-{VICTIM}", payload=FALSE_PAYLOAD)
    target.write_anew(forged, keep_notes=SIZE)


def change_unsigned_record(target: Target) -> None:
    forged = list(RECORDS)
    forged[SIGNED + 50] = prediction(request_id=f"request-{SIGNED + 50}", payload=FALSE_PAYLOAD)
    target.write_anew(forged, keep_notes=SIZE)


def change_leaf(target: Target) -> None:
    of_file = "SELECT leaf FROM record WHERE idx = ?"
    ((text,),) = target.run("SELECT text FROM leaf WHERE idx = ?", VICTIM, sqlite=of_file)
    false = bytes(text).replace(b"22:04:12", b"22:04:13")
    of_file = "UPDATE record SET leaf = ? WHERE idx = ?"
    target.run("UPDATE leaf SET text = ? WHERE idx = ?", false, VICTIM, sqlite=of_file)


def change_served(target: Target) -> None:
    ((text,),) = target.run("SELECT text FROM served")
    target.run("UPDATE served SET text = ?", bytes(text).replace(b'"version":"3"', b'"version":"4"'))


def delete(target: Target) -> None:
    for table in target.tables:
        target.run(f"DELETE FROM {table} WHERE idx = ?", VICTIM)


def delete_and_close_up(target: Target) -> None:
    target.write_anew([*RECORDS[:VICTIM], *RECORDS[VICTIM + 1 :]], keep_notes=SIZE)


def reorder(target: Target) -> None:
    for table in target.tables:
        for before, after in ((VICTIM, -1), (VICTIM + 1, VICTIM), (-1, VICTIM + 1)):
            target.run(f"UPDATE {table} SET idx = ? WHERE idx = ?", after, before)


def reorder_all(target: Target) -> None:
    pair = (RECORDS[VICTIM + 1], RECORDS[VICTIM])
    target.write_anew([*RECORDS[:VICTIM], *pair, *RECORDS[VICTIM + 2 :]], keep_notes=SIZE)


def insert(target: Target) -> None:
    made_up = prediction(request_id="made up", payload=FALSE_PAYLOAD)
    target.write_anew([*RECORDS[:VICTIM], made_up, *RECORDS[VICTIM:]], keep_notes=SIZE)


def insert_behind_the_end(target: Target) -> None:
    target.append([prediction(request_id="made up", payload=FALSE_PAYLOAD)])


def insert_past_the_head(target: Target) -> None:
    leaf = prediction(request_id="made up").leaf
    of_file = "INSERT INTO record(idx, place, leaf) VALUES (?, 0, ?)"
    target.run("INSERT INTO leaf(idx, served, place, text) VALUES (?, NULL, 0, ?)", SIZE, leaf, sqlite=of_file)


def swap_payloads(target: Target) -> None:
    if target.is_file:
        of_both = {index: target.run("SELECT salt, payload FROM record WHERE idx = ?", index)[0] for index in PAIR}
        for index, other in (PAIR, PAIR[::-1]):
            target.run("UPDATE record SET salt = ?, payload = ? WHERE idx = ?", *of_both[other], index)
        return
    for before, after in ((VICTIM, -1), (VICTIM + 1, VICTIM), (-1, VICTIM + 1)):
        target.run("UPDATE payload SET idx = ? WHERE idx = ?", after, before)


def drop_payload(target: Target) -> None:
    of_file = "UPDATE record SET salt = NULL, payload = NULL WHERE idx = ?"
    target.run("DELETE FROM payload WHERE idx = ?", VICTIM, sqlite=of_file)


def drop_payload_and_say_so(target: Target) -> None:
    fields = {"basis": "made up", "erased": [[VICTIM, VICTIM + 1]], "prediction_id": RECORDS[VICTIM].ids[0]}
    target.append([event(RecordType.ERASURE, fields, time=BEGAN, ids=RECORDS[VICTIM].ids[:1])])
    drop_payload(target)


def cut_rows(target: Target) -> None:
    for table in target.tables:
        target.run(f"DELETE FROM {table} WHERE idx >= ?", VICTIM)


def truncate_below(target: Target) -> None:
    target.write_anew(RECORDS[: SIGNED - EVERY + 10], keep_notes=SIZE)


def truncate_above(target: Target) -> None:
    target.write_anew(RECORDS[:SIGNED], keep_notes=SIGNED)


def truncate_with_checkpoints(target: Target) -> None:
    target.write_anew(RECORDS[: SIGNED - EVERY], keep_notes=SIGNED - EVERY)


def go_on_from_an_older_copy(target: Target) -> None:
    target.write_anew(RECORDS[: SIGNED - EVERY], keep_notes=SIGNED - EVERY)
    target.append([prediction() for _ in range(SIZE - SIGNED + EVERY)], signed_by(KEY))


def rewrite_and_leave_checkpoints(target: Target) -> None:
    target.write_anew(false_records(), keep_notes=SIZE)


def rewrite_without_checkpoints(target: Target) -> None:
    target.write_anew(false_records())


def rewrite_with_another_key(target: Target) -> None:
    target.write_anew(false_records(), signed_by(ATTACKERS_KEY))


def rewrite_with_the_key(target: Target) -> None:
    target.write_anew(false_records(), signed_by(KEY))


def sign_a_change_with_the_key(target: Target) -> None:
    forged = list(RECORDS)
    forged[VICTIM] = prediction(request_id=f"request-{VICTIM}", payload=FALSE_PAYLOAD)
    target.write_anew(forged, signed_by(KEY))


def delete_checkpoints(target: Target) -> None:
    target.run("DELETE FROM checkpoint")


def delete_some_checkpoints(target: Target) -> None:
    target.run("DELETE FROM checkpoint WHERE size > ? AND size < ?", EVERY, SIGNED)


def swap_checkpoints(target: Target) -> None:
    target.run("UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 300) WHERE size = 600")


def hide(target: Target) -> None:
    for table in target.lookups:
        target.run(f"DELETE FROM {table}")


def hide_event(target: Target) -> None:
    target.run("DELETE FROM event")


def change_node(target: Target) -> None:
    target.run("UPDATE node SET hash = ? WHERE level = 8 AND place = 0", bytes(32))


def change_head(target: Target) -> None:
    ((content,),) = target.run("SELECT range FROM head")
    target.run("UPDATE head SET range = ?", bytes([content[0] ^ 1]) + bytes(content[1:]))


def rename(target: Target) -> None:
    target.run("UPDATE ledger SET origin = 'example.com/another'")


_PAYLOAD: Final = ("tampered", "payload")
_RECORD: Final = ("tampered", "record")
_ROOT: Final = ("tampered", "root")
_TRUNCATED: Final = ("tampered", "truncated")
_OUTSIDE: Final = ("tampered", "outside")
_NO_CHECKPOINT: Final = ("incomplete", "checkpoint")
_KEY_TOO: Final = "the store and the key"

ATTACKS: Final = (
    Attack("Change a probability", change_probability, _PAYLOAD, _PAYLOAD, "no"),
    Attack("Change a probability, its leaf and the tree", change_probability_and_record, _ROOT, _ROOT, "no"),
    Attack("The same in the unsigned tail", change_unsigned_record, NOT_FOUND, NOT_FOUND, "true"),
    Attack("Change a leaf", change_leaf, _RECORD, _RECORD, "no"),
    Attack("Change the text of the version that served", change_served, _RECORD, _RECORD, "no"),
    Attack("Delete a record", delete, _RECORD, _RECORD, "no"),
    Attack("Delete a record, close the gap, compute the tree anew", delete_and_close_up, _ROOT, _ROOT, "no"),
    Attack("Let two records change places", reorder, _RECORD, _RECORD, "no"),
    Attack("Let two records change places, compute the tree anew", reorder_all, _ROOT, _ROOT, "no"),
    Attack("Insert a record, compute the tree anew", insert, _ROOT, _ROOT, "no"),
    Attack("Append a record that nobody was answered", insert_behind_the_end, NOT_FOUND, NOT_FOUND, "true"),
    Attack(
        "Put a record behind the end that the head names",
        insert_past_the_head,
        _RECORD,
        _RECORD,
        "no",
    ),
    Attack("Swap the payloads of two records", swap_payloads, _PAYLOAD, _PAYLOAD, "no"),
    Attack("Drop a payload", drop_payload, _PAYLOAD, _PAYLOAD, "no"),
    Attack(
        "Drop a payload and append a record that says it was erased",
        drop_payload_and_say_so,
        NOT_FOUND,
        NOT_FOUND,
        "no",
    ),
    Attack("Cut off the end by deleting its rows", cut_rows, _RECORD, _RECORD, "no"),
    Attack("Cut off the end below a checkpoint", truncate_below, _TRUNCATED, _TRUNCATED, "no"),
    Attack("Cut off the unsigned tail", truncate_above, NOT_FOUND, NOT_FOUND, "true"),
    Attack(
        "Cut off the end with its checkpoints, or put an older copy of all in its place",
        truncate_with_checkpoints,
        NOT_FOUND,
        _TRUNCATED,
        "true",
    ),
    Attack(
        "Put an older copy in its place and let the service go on",
        go_on_from_an_older_copy,
        NOT_FOUND,
        _OUTSIDE,
        "true",
    ),
    Attack("Write all anew, leave the checkpoints", rewrite_and_leave_checkpoints, _ROOT, _ROOT, "no"),
    Attack("Write all anew without checkpoints", rewrite_without_checkpoints, _NO_CHECKPOINT, _OUTSIDE, "no"),
    Attack("Write all anew, sign with another key", rewrite_with_another_key, _NO_CHECKPOINT, _OUTSIDE, "no"),
    Attack(
        "Write all anew, sign with the key", rewrite_with_the_key, NOT_FOUND, _OUTSIDE, "false one verifies", _KEY_TOO
    ),
    Attack(
        "Change one probability, write the rest again, sign with the key",
        sign_a_change_with_the_key,
        NOT_FOUND,
        _OUTSIDE,
        "false one verifies",
        _KEY_TOO,
    ),
    Attack("Delete all checkpoints", delete_checkpoints, _NO_CHECKPOINT, _NO_CHECKPOINT, "no"),
    Attack("Delete some checkpoints", delete_some_checkpoints, _NO_CHECKPOINT, _NO_CHECKPOINT, "true"),
    Attack(
        "Put a checkpoint in the place of another",
        swap_checkpoints,
        ("tampered", "checkpoint"),
        ("tampered", "checkpoint"),
        "true",
    ),
    Attack(
        "Change the lookups, so that records are not found",
        hide,
        ("tampered", "lookup"),
        ("tampered", "lookup"),
        "true",
    ),
    Attack("Delete from the list of events", hide_event, ("tampered", "lookup"), ("tampered", "lookup"), "true"),
    Attack("Change a kept hash of the tree", change_node, ("tampered", "node"), ("tampered", "node"), "no"),
    Attack("Change the head", change_head, ("tampered", "head"), ("tampered", "head"), "true"),
    Attack("Give the ledger another name", rename, ("tampered", "checkpoint"), ("tampered", "checkpoint"), "true"),
)
