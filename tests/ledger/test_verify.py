from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.memory import BEGAN, ORIGIN, MemoryLedger, erasure, prediction, prediction_id

from vouchml.errors import CheckpointInvalid
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.findings import Verification
from vouchml.ledger.marks import OutsideCheckpoint
from vouchml.ledger.receipt import build_receipt
from vouchml.ledger.receipt_check import verify_receipt
from vouchml.ledger.record import Record, RecordType, event
from vouchml.ledger.store.open import create_store, open_store
from vouchml.ledger.tree import CompactRange
from vouchml.ledger.verify import STRETCH, HowToVerify, verify_ledger

SIGNER: Final = SignerKey.generate(ORIGIN)
MANY: Final = [prediction(number) for number in range(2_100)]


def ledger() -> MemoryLedger:
    """2,100 predictions with a checkpoint each 300."""
    made = MemoryLedger()
    for start in range(0, 2_100, 300):
        made.append(MANY[start : start + 300], SIGNER)
    return made


def verify(made: MemoryLedger, *outside: OutsideCheckpoint, since: str | None = None, every: int = 300) -> Verification:
    how = HowToVerify(outside=outside, since=since, checkpoint_records=every)
    return verify_ledger(made, [SIGNER.verifier], how)


def kept_elsewhere(made: MemoryLedger, place: int = -1) -> OutsideCheckpoint:
    return OutsideCheckpoint(made.notes[place][1], "the auditor's copy", "A")


def kinds(found: Verification) -> list[str]:
    return [finding.kind for finding in found.findings]


def written_anew(records: list[Record], signer: SignerKey) -> MemoryLedger:
    made = MemoryLedger()
    for start in range(0, len(records), 300):
        made.append(records[start : start + 300], signer)
    return made


def test_an_honest_ledger_is_ok_and_says_what_that_is_worth() -> None:
    made = ledger()
    made.append([event(RecordType.PROMOTION, {"to": "Staging"}, time=BEGAN)])
    found = verify(made)
    assert found.findings == ()
    assert (found.outcome, found.exit_status, found.grade) == ("ok", 0, "C")
    assert (found.size, found.signed, found.checkpoints, found.unsigned_tail) == (2101, 2100, 7, 1)
    assert (found.anchored, found.unanchored_tail) == (0, 2101)


def test_an_outside_checkpoint_that_fits_gives_its_grade_and_a_shorter_tail() -> None:
    found = verify(ledger(), kept_elsewhere(ledger(), 3))
    assert (found.outcome, found.grade, found.anchored, found.unanchored_tail) == ("ok", "A", 1200, 900)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 300, 512, STRETCH - 1, STRETCH, STRETCH + 1, STRETCH + 256])
def test_ledgers_of_any_size_verify(size: int) -> None:
    made = MemoryLedger()
    records = [Record(RecordType.START, leaf) for leaf in [event(RecordType.START, {}, time=BEGAN).leaf] * size]
    made.append(records[: size // 2], SIGNER)
    made.append(records[size // 2 :], SIGNER)
    found = verify(made, every=size)
    assert found.findings == ()


def test_an_empty_ledger_is_ok() -> None:
    assert verify(MemoryLedger()).outcome == "ok"


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    verify_ledger(ledger(), [SIGNER.verifier], progress=lambda done, of: told.append((done, of)))
    assert told == [(2100, 2100)]


def change_leaf(made: MemoryLedger) -> None:
    made.rows[700] = made.rows[700]._replace(leaf=made.rows[700].leaf.replace(b"host-1", b"host-2"))


def change_probability(made: MemoryLedger) -> None:
    payload = made.rows[700].payload
    assert payload is not None
    made.rows[700] = made.rows[700]._replace(payload=payload.replace(b"0.25", b"0.75"))


def delete(made: MemoryLedger) -> None:
    del made.rows[700]


def delete_and_close_up(made: MemoryLedger) -> None:
    for index in range(700, 2099):
        made.rows[index] = made.rows[index + 1]._replace(index=index)
    del made.rows[2099]


def insert(made: MemoryLedger) -> None:
    for index in range(2100, 700, -1):
        made.rows[index] = made.rows[index - 1]._replace(index=index)


def reorder(made: MemoryLedger) -> None:
    made.rows[700], made.rows[701] = made.rows[701]._replace(index=700), made.rows[700]._replace(index=701)


def swap_payloads(made: MemoryLedger) -> None:
    one, other = made.rows[700], made.rows[701]
    made.rows[700] = one._replace(salt=other.salt, payload=other.payload)
    made.rows[701] = other._replace(salt=one.salt, payload=one.payload)


def drop_payload(made: MemoryLedger) -> None:
    made.rows[700] = made.rows[700]._replace(salt=None, payload=None)


def drop_salt(made: MemoryLedger) -> None:
    made.rows[700] = made.rows[700]._replace(salt=None)


def hide(made: MemoryLedger) -> None:
    made.ids[prediction_id(700)] = []


def change_node(made: MemoryLedger) -> None:
    made.nodes[8, 2] = bytes(32)


def drop_node(made: MemoryLedger) -> None:
    del made.nodes[8, 2]


def change_head(made: MemoryLedger) -> None:
    made.range = CompactRange(made.range.size, (bytes(32), *made.range.hashes[1:]))


def cut_rows(made: MemoryLedger) -> None:
    for index in range(1000, 2100):
        del made.rows[index]


def add_behind_the_end(made: MemoryLedger) -> None:
    made.rows[2100] = made.rows[0]._replace(index=2100)


def spoil_checkpoint(made: MemoryLedger) -> None:
    made.notes[2] = (900, made.notes[2][1].replace("time 2026", "time 2025"))


def move_checkpoint(made: MemoryLedger) -> None:
    made.notes[2] = (901, made.notes[2][1])


def sign_another_root(made: MemoryLedger) -> None:
    made.notes[2] = (900, sign(Checkpoint(ORIGIN, 900, bytes(32)), SIGNER))


@pytest.mark.parametrize(
    ("attack", "kind", "places"),
    [
        (change_leaf, "record", (512, 768)),
        (change_probability, "payload", (700, 701)),
        (delete, "record", (700, 701)),
        (delete_and_close_up, "record", (2099, 2100)),
        (insert, "record", (2100, 2101)),
        (reorder, "record", (512, 768)),
        (swap_payloads, "payload", (701, 702)),
        (drop_payload, "payload", (700, 701)),
        (drop_salt, "payload", (700, 701)),
        (hide, "lookup", (700, 701)),
        (change_node, "node", (512, 768)),
        (drop_node, "node", (512, 768)),
        (change_head, "head", (2100, 2100)),
        (cut_rows, "record", (1000, 2100)),
        (add_behind_the_end, "record", (2100, 2101)),
        (spoil_checkpoint, "checkpoint", (0, 900)),
        (move_checkpoint, "checkpoint", (0, 901)),
        (sign_another_root, "root", (600, 900)),
    ],
)
def test_a_change_without_the_key_is_found_and_told_where(
    attack: Callable[[MemoryLedger], None], kind: str, places: tuple[int, int]
) -> None:
    made = ledger()
    attack(made)
    how = HowToVerify(samples=2_100)
    found = verify_ledger(made, [SIGNER.verifier], how)
    assert found.outcome == "tampered"
    assert found.exit_status == 1
    assert (kind, *places) in [(finding.kind, finding.start, finding.end) for finding in found.findings]


def test_records_of_other_kinds_among_predictions_spoil_nothing() -> None:
    made = MemoryLedger()
    for number in range(0, 900, 3):
        refusal = event(RecordType.REFUSAL, {"counts": [], "a": 1}, time=BEGAN)
        told = event(RecordType.OUTCOME, {"about": "x"}, time=BEGAN, payload={"label": "benign"})
        made.append([prediction(number), prediction(number + 1), refusal, told])
    made.sign(SIGNER)
    assert verify(made, every=1200).findings == ()
    made.rows[3] = made.rows[3]._replace(payload=b"{}")
    assert [(each.kind, each.start) for each in verify(made, every=1200).findings] == [("payload", 3)]


def test_a_changed_record_spoils_no_more_than_its_own_stretch_of_the_ledger() -> None:
    made = ledger()
    change_leaf(made)
    found = verify(made)
    assert [(finding.kind, finding.start, finding.end) for finding in found.findings] == [("record", 512, 768)]
    assert (found.signed, found.outcome) == (2100, "tampered")


def test_a_changed_record_after_the_last_checkpoint_is_found_while_the_head_is_not_changed_too() -> None:
    made = ledger()
    made.append([prediction(number) for number in range(2100, 2200)])
    made.rows[2150] = made.rows[2150]._replace(leaf=made.rows[2150].leaf.replace(b"host-1", b"host-2"))
    found = verify(made)
    assert "head" in kinds(found)
    assert found.unsigned_tail == 100


def test_the_unsigned_tail_can_be_written_anew_and_only_its_length_is_told() -> None:
    made = ledger()
    made.append([prediction(number, label="benign") for number in range(2100, 2200)])
    found = verify(made)
    assert (found.outcome, found.unsigned_tail) == ("ok", 100)


def test_a_ledger_written_anew_without_the_key_is_signed_by_nobody_known() -> None:
    found = verify(written_anew(MANY[:1500], SignerKey.generate(ORIGIN)))
    assert found.outcome == "incomplete"
    assert found.signed == 0
    assert "checkpoint" in kinds(found)
    with_outside = verify(written_anew(MANY[:1500], SignerKey.generate(ORIGIN)), kept_elsewhere(ledger(), 0))
    assert with_outside.signed == 300


def test_a_ledger_written_anew_with_a_stolen_key_is_found_by_an_outside_checkpoint_only() -> None:
    forged = written_anew([prediction(number, label="benign") for number in range(2_100)], SIGNER)
    assert verify(forged).outcome == "ok"
    assert verify(forged).grade == "C"
    found = verify(forged, kept_elsewhere(ledger(), 3))
    assert kinds(found) == ["outside"]
    assert (found.outcome, found.grade, found.anchored) == ("tampered", "C", 0)


def test_an_end_that_was_cut_off_cleanly_is_found_by_an_outside_checkpoint_only() -> None:
    cut = written_anew(MANY[:1500], SIGNER)
    assert verify(cut).outcome == "ok"
    assert kinds(verify(cut, kept_elsewhere(ledger()))) == ["truncated"]
    assert verify(cut, kept_elsewhere(ledger(), 4)).outcome == "ok"


def test_an_end_that_was_cut_off_below_a_checkpoint_is_found() -> None:
    cut = written_anew(MANY[:1500], SIGNER)
    cut.notes = ledger().notes
    assert set(kinds(verify(cut))) == {"truncated"}


def test_deleted_checkpoints_leave_a_stretch_without_one() -> None:
    made = ledger()
    made.notes = [made.notes[0], made.notes[-1]]
    assert verify(made).outcome == "incomplete"
    assert kinds(verify(made, kept_elsewhere(ledger(), 3))) == ["checkpoint"]
    made.notes = []
    found = verify(made)
    assert (found.outcome, found.signed, found.unsigned_tail) == ("incomplete", 0, 2100)


def test_without_a_key_the_evidence_is_incomplete() -> None:
    found = verify_ledger(ledger(), [])
    assert (found.outcome, found.exit_status, found.signed) == ("incomplete", 2, 0)


def test_an_outside_checkpoint_of_another_ledger_or_key_is_no_evidence() -> None:
    other = SignerKey.generate("example.com/other")
    for note in (
        written_anew(MANY[:300], SignerKey.generate(ORIGIN)).notes[0][1],
        written_anew(MANY[:300], other).notes[0][1],
        "nothing",
    ):
        found = verify(ledger(), OutsideCheckpoint(note, "a file", "A"))
        assert (found.outcome, found.grade) == ("incomplete", "C")


def test_a_ledger_with_a_new_key_verifies_with_both() -> None:
    new = SignerKey.generate(ORIGIN)
    made = ledger()
    made.append([prediction(number) for number in range(2100, 2300)], new)
    assert verify_ledger(made, [SIGNER.verifier, new.verifier]).outcome == "ok"
    assert verify_ledger(made, [SIGNER.verifier]).outcome == "incomplete"


def test_an_erased_payload_is_told_of_and_all_else_verifies() -> None:
    made = ledger()
    made.erase(700, erasure(700, 700))
    made.sign(SIGNER)
    found = verify(made)
    assert (found.outcome, found.without_payload) == ("ok", 1)


def test_a_payload_that_an_erasure_tells_of_and_that_is_there_is_found() -> None:
    made = ledger()
    made.append([erasure(700, 700)], SIGNER)
    assert [(each.kind, each.start) for each in verify(made).findings] == [("erasure", 700)]


def test_an_erasure_of_what_comes_later_covers_nothing() -> None:
    made = ledger()
    made.append([erasure(2101, 2101)])
    made.append([prediction(2101)], SIGNER)
    made.rows[2101] = made.rows[2101]._replace(salt=None, payload=None)
    assert set(kinds(verify(made))) == {"erasure", "payload"}


def test_a_prune_covers_the_payloads_that_it_took_and_leaves_others() -> None:
    made = ledger()
    for index in range(100, 900, 2):
        made.rows[index] = made.rows[index]._replace(salt=None, payload=None)
    prune = event(RecordType.RETENTION_PRUNE, {"erased": [[100, 500], [500, 899]], "basis": "6 months"}, time=BEGAN)
    made.append([prune], SIGNER)
    found = verify(made)
    assert (found.outcome, found.without_payload) == ("ok", 400)


def test_a_payload_that_is_erased_meanwhile_is_no_finding() -> None:
    made = ledger()

    class ErasedMeanwhile(MemoryLedger):
        heads = 0

        def head(self) -> CompactRange:
            self.heads += 1
            if self.heads == 1:
                before = self.range
                self.erase(700, erasure(700, 700))
                return before
            return self.range

    live = ErasedMeanwhile(made.rows, made.ids, made.nodes, made.range, made.notes)
    assert verify(live).outcome == "ok"


def test_answers_that_left_unrecorded_are_evidence_that_lacks() -> None:
    made = ledger()
    made.append([event(RecordType.GAP, {"records": 5, "since": "2026-11-24T22:04:10.000000Z"}, time=BEGAN)], SIGNER)
    found = verify(made)
    assert [(each.kind, each.severity, each.start) for each in found.findings] == [("gap", "incomplete", 2100)]


def test_from_a_checkpoint_on_only_the_rest_is_gone_through() -> None:
    made = ledger()
    since = made.notes[3][1]  # 1,200
    assert verify(made, since=since).findings == ()
    assert verify(made, since=since).start == 1024
    change_probability(made)  # before
    assert verify(made, since=since).outcome == "ok"
    made.rows[1500] = made.rows[1500]._replace(salt=None, payload=None)  # after
    assert kinds(verify(made, since=since)) == ["payload"]


def test_from_a_checkpoint_on_an_earlier_outside_checkpoint_is_proved_by_hashes() -> None:
    made = ledger()
    found = verify(made, kept_elsewhere(made, 1), since=made.notes[3][1])
    assert (found.outcome, found.grade, found.anchored) == ("ok", "A", 600)
    forged = written_anew([prediction(number, label="benign") for number in range(2_100)], SIGNER)
    assert kinds(verify(forged, kept_elsewhere(made, 1), since=forged.notes[3][1])) == ["outside"]


def test_a_ledger_that_does_not_go_on_from_the_checkpoint_is_found() -> None:
    forged = written_anew([prediction(number, label="benign") for number in range(2_100)], SIGNER)
    assert "root" in kinds(verify(forged, since=ledger().notes[3][1]))
    short = written_anew(MANY[:900], SIGNER)
    assert "truncated" in kinds(verify(short, since=ledger().notes[3][1]))


def test_a_checkpoint_to_verify_from_must_be_signed() -> None:
    for note in ("nothing", written_anew(MANY[:300], SignerKey.generate(ORIGIN)).notes[0][1]):
        with pytest.raises(CheckpointInvalid):
            verify(ledger(), since=note)


@given(st.integers(0, 299), st.integers(0, 400), st.integers(0, 7))
def test_no_flipped_bit_of_a_leaf_or_payload_goes_unseen(index: int, place: int, bit: int) -> None:
    made = MemoryLedger()
    made.append(MANY[:300], SIGNER)
    row = made.rows[index]
    assert row.payload is not None
    for changed in (
        row._replace(leaf=flipped(row.leaf, place, bit)),
        row._replace(payload=flipped(row.payload, place, bit)),
    ):
        made.rows[index] = changed
        found = verify(made)
        assert found.outcome == "tampered"
        assert any(finding.start <= index < finding.end for finding in found.findings)


def flipped(content: bytes, place: int, bit: int) -> bytes:
    place %= len(content)
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def test_a_real_ledger_gives_receipts_and_verifies_in_several_processes_as_in_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    create_store(url, ORIGIN)
    store = open_store(url)
    try:
        for start in range(0, STRETCH + 3000, 1000):
            records = [prediction(number) for number in range(start, start + 1000)]
            store.append(records, sign=lambda head: sign(Checkpoint.of(ORIGIN, head, time=BEGAN), SIGNER))
        store.erase([700], [erasure(700, 700)])
        (found,) = store.find(prediction_id(5_000))
        assert verify_receipt(build_receipt(store, found), SIGNER.verifier).outcome == "ok"
        one = verify_ledger(store, [SIGNER.verifier])
        two = verify_ledger(store, [SIGNER.verifier], HowToVerify(processes=2, open_store=partial(open_store, url)))
    finally:
        store.close()
    assert one == two
    assert (one.outcome, one.without_payload, one.size) == ("ok", 1, len(range(0, STRETCH + 3000, 1000)) * 1000 + 1)
