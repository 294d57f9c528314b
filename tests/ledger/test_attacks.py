"""The attack table: each is tried on both kinds of store, and found, or listed as not protected against."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from tests.ledger.attacks.table import ATTACKS, NOT_FOUND, Attack, Found
from tests.ledger.attacks.target import EVERY, KEY, RECORDS, SIZE, TRUE_PAYLOAD, VICTIM, Target

from vouchml.errors import LedgerInvalid, ReceiptUnavailable
from vouchml.ledger.marks import OutsideCheckpoint
from vouchml.ledger.receipt import Receipt, build_receipt
from vouchml.ledger.receipt_check import verify_receipt
from vouchml.ledger.store import open_store
from vouchml.ledger.verify import HowToVerify, verify_ledger

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "threat-model.md"
NAMES: Final = [attack.name for attack in ATTACKS]


@pytest.fixture(scope="module")
def full_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("full") / "vouch-ledger.db"
    Target(f"sqlite:///{file}").fill()
    return file


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path, full_file: Path) -> Target:
    """A full ledger to attack."""
    if request.param == "sqlite":
        return Target(f"sqlite:///{shutil.copy(full_file, tmp_path)}")
    made = Target(str(request.getfixturevalue("postgres_url")))
    made.fill()
    return made


def receipt_given(target: Target) -> Receipt:
    """What the caller of the victim's prediction got at the time: it has a checkpoint, and proves the prediction."""
    with closing(open_store(target.url)) as store:
        return build_receipt(store, VICTIM)


def verdict(target: Target, *outside: OutsideCheckpoint) -> list[tuple[str, str]]:
    """Severity and kind of what a verification finds."""
    how = HowToVerify(outside=outside, samples=SIZE, checkpoint_records=EVERY)
    with closing(open_store(target.url, must_be_whole=False)) as store:
        found = verify_ledger(store, [KEY.verifier], how)
    return [(finding.severity, finding.kind) for finding in found.findings]


def require(found: list[tuple[str, str]], expected: Found) -> None:
    if expected == NOT_FOUND:
        assert found == []
    else:
        assert expected in found
        assert ("tampered" in dict(found)) == (expected[0] == "tampered")


def receipt_now(target: Target) -> str:
    """What becomes of a receipt of the victim that is asked for after the attack."""
    try:
        with closing(open_store(target.url)) as store:
            receipt = build_receipt(store, VICTIM)
    except (LedgerInvalid, ReceiptUnavailable):
        return "no"
    if verify_receipt(receipt, KEY.verifier).outcome != "ok":
        return "no"
    is_true = receipt.record.leaf.encode() == RECORDS[VICTIM].leaf and receipt.payload == TRUE_PAYLOAD.decode()
    return "true" if is_true else "false one verifies"


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)
def test_what_an_attack_leaves_is_found_as_the_table_says(attack: Attack, target: Target) -> None:
    given = receipt_given(target)
    outside = OutsideCheckpoint(given.checkpoint, "the receipt that the caller kept", "A")
    require(verdict(target, outside), NOT_FOUND)

    attack.do(target)

    require(verdict(target), attack.alone)
    require(verdict(target, outside), attack.with_outside)
    assert receipt_now(target) == attack.receipt
    # Whatever was done to the ledger, what the caller holds still proves the prediction.
    assert verify_receipt(given, KEY.verifier).outcome == "ok"


def test_the_document_has_the_table_that_is_tried() -> None:
    rows = [f"| {' | '.join(cells(attack))} |" for attack in ATTACKS]
    text = DOCUMENT.read_text("utf-8")
    header, _, rest = text.partition("| Attack | Needs |")
    assert header
    found = re.findall(r"^\|.*\|$", rest, re.MULTILINE)[1:]
    assert found[: len(rows)] == rows
    assert not found[len(rows) :] or "| Attack" not in found[len(rows)]


def cells(attack: Attack) -> list[str]:
    return [attack.name, attack.needs, words(attack.alone), words(attack.with_outside), attack.receipt]


def words(found: Found) -> str:
    if found == NOT_FOUND:
        return "**not found**"
    severity, kind = found
    return f"{severity}: {kind}"
