"""The ledger's key is rotated: the log goes on, and says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tests.recorded_project import RecordedProject, append

from vouchml.ledger.record import RecordType, event
from vouchml.ledger.trusted_keys import verifiers
from vouchml.ledger.verify import verify_ledger
from vouchml.project.key_rotation import rotate
from vouchml.project.open_ledger import reading
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.trust_store_file import read_trust_store


def test_the_old_key_signs_to_the_end_and_the_new_one_the_record_that_names_both(recorded: RecordedProject) -> None:
    append(recorded.settings, event(RecordType.START, {"worker": "host:1"}, time=datetime.now(UTC)))
    with reading(recorded.settings) as store:
        before = store.head().size

    rotate(recorded.settings, "ledger", who="Ada Smith")

    with reading(recorded.settings) as store:
        old, new = verifiers(read_trust_store(recorded.settings.trust_store_path), store.origin())
        last = json.loads(store.entry(before).leaf)
        assert (last["type"], last["from"], last["to"]) == ("key_rotation", str(old), str(new))
        sizes = dict(store.checkpoints())
        assert old.key_id != new.key_id
        assert verify_ledger(store, [old]).signed == before
        assert verify_ledger(store, [new]).signed == before + 1
        assert verify_ledger(store, [old, new]).outcome == "ok"
        assert {before, before + 1} <= sizes.keys()


def test_the_rotation_of_another_key_is_not_told_of_in_the_ledger(recorded: RecordedProject) -> None:
    with reading(recorded.settings) as store:
        before = store.head().size
    rotate(recorded.settings, "trainer", who="Ada Smith")
    with reading(recorded.settings) as store:
        assert store.head().size == before


def test_keys_are_rotated_where_there_is_no_ledger(recorded: RecordedProject) -> None:
    without = recorded.settings.ledger.model_copy(update={"url": ""})
    rotated = rotate(recorded.settings.model_copy(update={"ledger": without}), "ledger", who="Ada Smith")
    assert [new.role for _, new in rotated] == ["ledger"]
    ring = KeyRing(recorded.settings.signing_keys_folder, recorded.settings.trust_store_path)
    assert ring.signer("ledger")[1] == rotated[0][1]
