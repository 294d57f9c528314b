"""What every kind of store keeps verifies, and gives receipts; what was changed in it does not."""

from __future__ import annotations

from contextlib import closing
from functools import partial

import apsw
import psycopg
import pytest
from tests.ledger.memory import BEGAN, erasure, prediction, prediction_id
from tests.ledger.store.conftest import ORIGIN

from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.receipt import build_receipt
from vouchml.ledger.receipt_check import verify_receipt
from vouchml.ledger.record import RecordType, event
from vouchml.ledger.store import LedgerStore, open_store
from vouchml.ledger.tree import CompactRange
from vouchml.ledger.verify import HowToVerify, verify_ledger

SIGNER = SignerKey.generate(ORIGIN)


def signed(head: CompactRange) -> str:
    return sign(Checkpoint.of(ORIGIN, head, time=BEGAN), SIGNER)


def fill(store: LedgerStore) -> None:
    """1,500 predictions; 10 to 19 pruned, told by record 1,500, and 700 erased, told by record 1,501."""
    for start in range(0, 1_500, 300):
        numbers = range(start, start + 300)
        records = [prediction(number, label=("benign", "malignant")[number % 2]) for number in numbers]
        store.append(records, sign=signed)
    prune = event(RecordType.RETENTION_PRUNE, {"basis": "6 months", "erased": [[10, 20]]}, time=BEGAN)
    store.append([prune], sign=signed)
    store.prune([(10, 20)])
    store.erase([700], [erasure(700, 700)])
    store.append([event(RecordType.STOP, {}, time=BEGAN)], sign=signed)


def test_a_filled_ledger_verifies_and_gives_receipts(store: LedgerStore, url: str) -> None:
    fill(store)
    how = HowToVerify(processes=2, open_store=partial(open_store, url), samples=1_503)
    found = verify_ledger(store, [SIGNER.verifier], how)
    assert found.findings == ()
    assert (found.size, found.signed, found.without_payload) == (1_503, 1_503, 11)
    for number, outcome in ((0, "ok"), (1_499, "ok"), (12, "incomplete"), (700, "incomplete")):
        receipt = build_receipt(store, store.find(prediction_id(number))[0])
        verified = verify_receipt(receipt, SIGNER.verifier)
        assert verified.outcome == outcome
        assert (receipt.erased is None) == (outcome == "ok")
    since = next(iter(store.checkpoints(600))).note
    assert verify_ledger(store, [SIGNER.verifier], HowToVerify(since=since)).outcome == "ok"


def changed_past(url: str, statement: str, of_file: str) -> None:
    """Run a statement past the store, as whoever owns the database or the file can."""
    if url.startswith("sqlite"):
        with closing(apsw.Connection(url.removeprefix("sqlite:///"))) as file:
            file.execute(of_file)
    else:
        with psycopg.connect(url) as database:
            database.execute("SET search_path TO vouch_ledger")
            database.execute(statement.encode())


CHANGE_LEAF = (
    "UPDATE leaf SET text = (SELECT text FROM leaf WHERE idx = 901) WHERE idx = 900",
    "UPDATE record SET leaf = (SELECT leaf FROM record WHERE idx = 901) WHERE idx = 900",
)
DROP_PAYLOAD = (
    "DELETE FROM payload WHERE idx = 900",
    "UPDATE record SET salt = NULL, payload = NULL WHERE idx = 900",
)
CHANGE_PAYLOAD = (
    "UPDATE payload SET body = (SELECT body FROM payload WHERE idx = 901) WHERE idx = 900",
    "UPDATE record SET payload = (SELECT payload FROM record WHERE idx = 901) WHERE idx = 900",
)
CHANGE_SALT = (
    "UPDATE payload SET salt = (SELECT salt FROM payload WHERE idx = 901) WHERE idx = 900",
    "UPDATE record SET salt = (SELECT salt FROM record WHERE idx = 901) WHERE idx = 900",
)
DROP_NODES = ("DELETE FROM node",) * 2
CHANGE_NODE = ("UPDATE node SET hash = (SELECT hash FROM node WHERE place = 4) WHERE place = 2",) * 2
CHANGE_CHECKPOINT = ("UPDATE checkpoint SET note = (SELECT max(note) FROM checkpoint) WHERE size = 600",) * 2


@pytest.mark.parametrize(
    ("statements", "kind"),
    [
        (("DELETE FROM leaf WHERE idx = 900", "DELETE FROM record WHERE idx = 900"), "record"),
        (("DELETE FROM leaf WHERE idx >= 1400", "DELETE FROM record WHERE idx >= 1400"), "record"),
        (CHANGE_LEAF, "record"),
        (DROP_PAYLOAD, "payload"),
        (CHANGE_PAYLOAD, "payload"),
        (CHANGE_SALT, "payload"),
        (DROP_NODES, "node"),
        (CHANGE_NODE, "node"),
        (CHANGE_CHECKPOINT, "checkpoint"),
    ],
)
def test_what_is_changed_past_the_store_is_found(
    store: LedgerStore, url: str, statements: tuple[str, str], kind: str
) -> None:
    fill(store)
    changed_past(url, *statements)
    found = verify_ledger(store, [SIGNER.verifier])
    assert found.outcome == "tampered"
    assert kind in [finding.kind for finding in found.findings]
