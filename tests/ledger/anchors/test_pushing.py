"""The newest checkpoint of a real ledger reaches the places outside; a failure is told, retried and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.ledger.anchors.receivers import Receiver, listening
from tests.ledger.store.made_up import predictions

from vouchml.errors import LedgerInvalid
from vouchml.ledger.anchors import AnchorPusher, AnchorStates, file_name
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.marks import OutsideCheckpoint
from vouchml.ledger.open import create_ledger, open_ledger
from vouchml.ledger.verify import HowToVerify, verify_ledger
from vouchml.settings import AnchorSettings, Settings


@dataclass
class Anchored:
    """A project with a ledger and anchors."""

    settings: Settings
    key: SignerKey
    now: float = 0.0

    def append(self, count: int) -> str:
        """Append records and a checkpoint; its note."""
        with closing(open_ledger(self.settings)) as store:
            store.append(
                predictions(count),
                sign=lambda head: sign(Checkpoint.of(self.key.name, head, time=datetime.now(UTC)), self.key),
            )
            latest = store.latest_checkpoint()
            assert latest is not None
            return latest.note

    def pusher(self) -> AnchorPusher:
        return AnchorPusher(self.settings, clock=lambda: self.now)

    @property
    def warnings(self) -> tuple[str, ...]:
        return AnchorStates(self.settings).warnings()


Make = Callable[..., Anchored]


@pytest.fixture
def anchored(project: Settings) -> Make:
    """Make a project with one anchor of these settings."""

    def make(**anchor: Any) -> Anchored:
        anchors = (AnchorSettings(**anchor),)
        settings = project.model_copy(update={"ledger": project.ledger.model_copy(update={"anchors": anchors})})
        return Anchored(settings, SignerKey.generate(create_ledger(settings)))

    return make


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_the_newest_checkpoint_is_pushed_once_and_not_more_often_than_is_wanted(
    anchored: Make, elsewhere: Path
) -> None:
    made = anchored(kind="file", to=str(elsewhere), every_seconds=60)
    pusher = made.pusher()
    pusher.push()  # there is no checkpoint yet
    notes = [made.append(10)]
    pusher.push()
    notes.append(made.append(10))
    pusher.push()  # too early
    assert [path.read_text() for path in elsewhere.iterdir()] == notes[:1]
    made.now = 61
    pusher.push()
    made.now = 200
    pusher.push()
    made.pusher().push()  # another process, later
    assert sorted(path.read_text() for path in elsewhere.iterdir()) == sorted(notes)
    assert made.warnings == ()


def test_a_place_that_is_away_is_told_of_tried_again_ever_later_and_forgotten_when_it_is_back(anchored: Make) -> None:
    receiver = Receiver(status=500)
    with listening(receiver):
        made = anchored(kind="http", to=receiver.url)
        made.append(5)
        pusher = made.pusher()
        tried = []
        for second in range(40):
            made.now = float(second)
            before = len(receiver.received)
            pusher.push()
            if len(receiver.received) > before:
                tried.append(second)
        assert tried == [0, 2, 6, 14, 30]
        (warning,) = made.warnings
        assert warning == "Anchor 1 (http) has taken no checkpoint yet: It answers with the status 500."
        receiver.status = 201
        made.now = 100
        pusher.push()
    assert made.warnings == ()


def test_what_an_anchor_kept_verifies_the_ledger_and_shows_an_older_copy(anchored: Make, elsewhere: Path) -> None:
    made = anchored(kind="file", to=str(elsewhere), every_seconds=1)
    made.append(10)
    pusher = made.pusher()
    pusher.push()
    ledger = made.settings.root / "vouch-ledger.db"
    older = ledger.read_bytes()
    made.append(10)
    made.now = 2
    pusher.push()

    newest = (elsewhere / sorted(path.name for path in elsewhere.iterdir())[-1]).read_text()
    how = HowToVerify(outside=[OutsideCheckpoint(newest, "elsewhere", "B")])
    with closing(open_ledger(made.settings)) as store:
        found = verify_ledger(store, [made.key.verifier], how)
    assert (found.outcome, found.grade, found.anchored, found.unanchored_tail) == ("ok", "B", 20, 0)

    ledger.write_bytes(older)
    made.now = 4
    pusher.push()
    (warning,) = made.warnings
    assert "older copy" in warning
    with closing(open_ledger(made.settings)) as store:
        assert verify_ledger(store, [made.key.verifier], how).outcome == "tampered"


def test_a_ledger_that_was_written_anew_meets_its_own_checkpoint_elsewhere(anchored: Make, elsewhere: Path) -> None:
    made = anchored(kind="file", to=str(elsewhere))
    note = made.append(10)
    made.pusher().push()
    ledger = made.settings.root / "vouch-ledger.db"
    ledger.unlink()
    (made.settings.private_folder / "ledger-origin").unlink()
    for state in (made.settings.private_folder / "anchors").iterdir():
        state.unlink()
    create_ledger(made.settings)
    made.append(10)
    made.pusher().push()
    assert "another checkpoint of 10 records" in made.warnings[0]
    assert [path.read_text() for path in elsewhere.iterdir()] == [note]
    assert [path.name for path in elsewhere.iterdir()] == [file_name_of(10)]


def file_name_of(size: int) -> str:
    from vouchml.ledger.store.base import Checkpoint as Kept

    return file_name(Kept(size, ""))


def test_a_ledger_that_cannot_be_read_is_no_failure_of_an_anchor(anchored: Make, elsewhere: Path) -> None:
    made = anchored(kind="file", to=str(elsewhere))
    made.append(10)
    ledger = made.settings.root / "vouch-ledger.db"
    ledger.rename(ledger.with_name("away.db"))
    with pytest.raises(LedgerInvalid):
        made.pusher().push()
    assert made.warnings == ()
