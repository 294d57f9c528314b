from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.memory import BEGAN, ORIGIN, MemoryLedger, erasure, prediction, prediction_id

from vouchml.errors import CheckpointInvalid, ReceiptInvalid, ReceiptUnavailable
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign_note
from vouchml.ledger.receipt import Receipt, build_receipt
from vouchml.ledger.receipt_check import VerifiedReceipt, verify_receipt
from vouchml.ledger.record import RecordType, event

SIGNER = SignerKey.generate(ORIGIN)
ALL_GOOD = dict.fromkeys(("leaf", "commitment", "inclusion", "signature", "origin"), "verified")


def ledger() -> MemoryLedger:
    """600 predictions with a checkpoint at 500 and 601, an event, and record 7 erased by record 601."""
    made = MemoryLedger()
    made.append([prediction(number) for number in range(500)], SIGNER)
    made.append([prediction(number) for number in range(500, 600)])
    made.append([event(RecordType.PROMOTION, {"to": "Staging"}, time=BEGAN)])
    made.erase(7, erasure(7, 7))
    made.sign(SIGNER)
    return made


LEDGER = ledger()
RECEIPT = build_receipt(LEDGER, 300)


def statuses(verified: VerifiedReceipt) -> dict[str, str]:
    return {link.name: link.status.value for link in verified.links}


def check(receipt: Receipt) -> dict[str, str]:
    return statuses(verify_receipt(receipt, SIGNER.verifier))


@pytest.mark.parametrize("index", [0, 255, 256, 300, 499, 599])
def test_a_receipt_verifies_offline_link_by_link(index: int) -> None:
    text = build_receipt(LEDGER, index).to_json()
    verified = verify_receipt(Receipt.parse(text), SIGNER.verifier)
    assert statuses(verified) == ALL_GOOD
    assert (verified.outcome, verified.exit_status) == ("ok", 0)
    assert verified.fields is not None
    assert verified.fields["prediction_id"] == prediction_id(index)


def test_a_record_without_a_payload_has_a_receipt_too() -> None:
    verified = verify_receipt(build_receipt(LEDGER, 600), SIGNER.verifier)
    assert statuses(verified) == ALL_GOOD
    assert verified.outcome == "ok"


def test_the_receipt_of_an_erased_record_proves_the_erasure() -> None:
    verified = verify_receipt(Receipt.parse(build_receipt(LEDGER, 7).to_json()), SIGNER.verifier)
    assert statuses(verified) == {**ALL_GOOD, "commitment": "not checked", "erasure": "verified"}
    assert (verified.outcome, verified.exit_status) == ("incomplete", 2)
    assert "GDPR Art. 17(1)(b)" in verified.links[-1].reason
    assert "2026-11-25" in verified.links[-1].reason


def test_the_receipt_of_a_pruned_record_proves_the_prune() -> None:
    made = ledger()
    made.rows[20] = made.rows[20]._replace(salt=None, payload=None)
    for span in ([10, 30], [500, 510]):
        made.append([event(RecordType.RETENTION_PRUNE, {"basis": "6 months", "erased": [span]}, time=BEGAN)])
    before = made.latest_checkpoint()
    assert before is not None
    assert build_receipt(made, 20, checkpoint=before[1]).erased is None
    made.sign(SIGNER)
    receipt = build_receipt(made, 20)
    assert receipt.erased is not None
    assert receipt.erased.index == 602
    assert check(receipt) == {**ALL_GOOD, "commitment": "not checked", "erasure": "verified"}


def test_an_erasure_of_another_record_is_no_erasure() -> None:
    erased = build_receipt(LEDGER, 7).erased
    other = replace(build_receipt(LEDGER, 8), payload=None, salt=None, erased=erased)
    assert check(other)["erasure"] == "failed"


def test_an_erasure_that_is_not_in_the_ledger_is_no_erasure() -> None:
    receipt = build_receipt(LEDGER, 7)
    assert receipt.erased is not None
    forged = replace(receipt.erased, leaf=erasure(7, 7).leaf.decode().replace("(b)", "(c)"))
    assert check(replace(receipt, erased=forged))["erasure"] == "failed"


def test_a_payload_beside_its_erasure_fails() -> None:
    assert check(replace(RECEIPT, erased=build_receipt(LEDGER, 7).erased))["commitment"] == "failed"


def test_a_receipt_without_its_payload_is_incomplete_and_says_which_link() -> None:
    verified = verify_receipt(RECEIPT.without_payload(), SIGNER.verifier)
    assert statuses(verified) == {**ALL_GOOD, "commitment": "not checked"}
    assert verified.outcome == "incomplete"


def test_without_a_key_the_signature_is_not_checked() -> None:
    verified = verify_receipt(RECEIPT)
    assert statuses(verified) == {**ALL_GOOD, "signature": "not checked", "origin": "not checked"}
    assert verified.outcome == "incomplete"


def test_another_key_fails_the_signature() -> None:
    verified = verify_receipt(RECEIPT, SignerKey.generate(ORIGIN).verifier)
    assert statuses(verified)["signature"] == "failed"
    assert verified.exit_status == 1


def test_any_of_the_keys_that_a_ledger_had_will_do() -> None:
    assert verify_receipt(RECEIPT, SignerKey.generate(ORIGIN).verifier, SIGNER.verifier).outcome == "ok"


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"payload": prediction(300, label="benign").payload}, "commitment"),
        ({"payload": None}, "commitment"),
        ({"salt": bytes(32)}, "commitment"),
        ({"salt": None}, "commitment"),
        ({"record": build_receipt(LEDGER, 301).record}, "commitment"),
        ({"record": replace(RECEIPT.record, index=301)}, "inclusion"),
        ({"record": replace(RECEIPT.record, inclusion=RECEIPT.record.inclusion[:-1])}, "inclusion"),
        ({"record": replace(RECEIPT.record, leaf=RECEIPT.record.leaf.replace("host-1", "host-2"))}, "inclusion"),
        ({"record": replace(RECEIPT.record, leaf=RECEIPT.record.leaf.replace(",", ", "))}, "leaf"),
        ({"record": replace(RECEIPT.record, leaf="{}")}, "leaf"),
        ({"checkpoint": LEDGER.notes[0][1]}, "inclusion"),
        ({"checkpoint": RECEIPT.checkpoint.replace(ORIGIN, "example.com/other")}, "signature"),
        ({"checkpoint": RECEIPT.checkpoint.replace("time 2026", "time 2025")}, "signature"),
        ({"checkpoint": "not a note"}, "signature"),
        ({"checkpoint": sign_note(Checkpoint("example.com/other", 5, bytes(32)).body(), SIGNER)}, "origin"),
    ],
)
def test_a_change_fails_the_link_that_it_breaks(change: dict[str, Any], failed: str) -> None:
    if isinstance(change.get("payload"), bytes):
        change = {"payload": change["payload"].decode()}
    verified = verify_receipt(replace(RECEIPT, **change), SIGNER.verifier)
    assert statuses(verified)[failed] == "failed"
    assert verified.exit_status == 1


def test_no_single_changed_byte_of_a_receipt_verifies() -> None:
    content = build_receipt(LEDGER, 3).to_json().encode()
    for place in range(len(content)):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with suppress(ReceiptInvalid, UnicodeDecodeError):
            assert verify_receipt(Receipt.parse(changed.decode()), SIGNER.verifier).outcome != "ok", place


def test_there_is_no_receipt_before_a_checkpoint() -> None:
    made = MemoryLedger()
    made.append([prediction(0)])
    with pytest.raises(ReceiptUnavailable):
        build_receipt(made, 0)
    made.sign(SIGNER)
    made.append([prediction(1)])
    assert build_receipt(made, 0).record.index == 0
    for index in (1, 2, -1):
        with pytest.raises(ReceiptUnavailable):
            build_receipt(made, index)


def test_a_receipt_can_stand_under_a_checkpoint_that_somebody_else_kept() -> None:
    receipt = build_receipt(LEDGER, 300, checkpoint=LEDGER.notes[0][1])
    verified = verify_receipt(receipt, SIGNER.verifier)
    assert verified.outcome == "ok"
    assert verified.checkpoint is not None
    assert verified.checkpoint.size == 500
    with pytest.raises(CheckpointInvalid):
        build_receipt(LEDGER, 300, checkpoint="nothing")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "vouchml-receipt/v2"},
        {"more": 1},
        {"leaf": None},
        {"leaf": "\ud800"},
        {"index": True},
        {"index": -1},
        {"index": 2**53},
        {"index": "5"},
        {"inclusion": {}},
        {"inclusion": ["A" * 43] * 65},
        {"inclusion": ["A" * 42 + "B"]},
        {"inclusion": ["A" * 44]},
        {"inclusion": [5]},
        {"checkpoint": None},
        {"salt": "AAAA"},
        {"salt": "+" * 43},
        {"erased": {"leaf": "{}", "index": 1}},
        {"erased": {"leaf": "{}", "index": 1, "inclusion": [], "more": 1}},
        {"erased": 5},
    ],
)
def test_what_is_not_a_receipt_is_refused(change: dict[str, Any]) -> None:
    document = {**json.loads(RECEIPT.to_json()), **change}
    with pytest.raises(ReceiptInvalid):
        Receipt.parse(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "5", '{"format":1,"format":1}', "[" * 100_000, "1" * 5000])
def test_what_is_no_json_object_is_no_receipt(text: str) -> None:
    with pytest.raises(ReceiptInvalid):
        Receipt.parse(text)


keys = st.sampled_from(sorted(json.loads(RECEIPT.to_json())))
documents = st.recursive(
    st.none() | st.integers() | st.text() | st.just("A" * 43) | st.just(RECEIPT.checkpoint) | st.just("{}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner),
    max_leaves=8,
)


@given(st.dictionaries(keys, documents), st.text())
def test_nothing_else_is_raised_and_nothing_random_verifies(changes: dict[str, Any], text: str) -> None:
    original = json.loads(RECEIPT.to_json())
    for candidate in (json.dumps({**original, **changes}), text):
        with suppress(ReceiptInvalid):
            receipt = Receipt.parse(candidate)
            assert receipt == RECEIPT or verify_receipt(receipt, SIGNER.verifier).outcome != "ok"


def test_a_receipt_reads_back_as_it_was_written() -> None:
    for index in (7, 300, 600):
        receipt = build_receipt(LEDGER, index)
        assert Receipt.parse(receipt.to_json()) == receipt


def test_what_the_links_say_names_no_value_of_the_payload() -> None:
    told = " ".join(link.reason for link in verify_receipt(RECEIPT, SIGNER.verifier).links)
    assert "malignant" not in told
