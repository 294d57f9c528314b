"""Timestamps of checkpoints are verified with the ledger, and count only where they are."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.ledger.anchors.receivers import Authority
from tests.ledger.memory import BEGAN
from tests.ledger.store.made_up import predictions

from vouchml.ledger.anchors import file_name, open_anchor
from vouchml.ledger.anchors.kept_timestamps import read_kept_timestamps
from vouchml.ledger.anchors.state import AnchorStates
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.findings import Verification
from vouchml.ledger.open import create_ledger, open_ledger
from vouchml.project.verification import verify_project_ledger
from vouchml.settings import AnchorSettings, Settings


class Stamped:
    """A ledger of 20 records whose checkpoint has a timestamp."""

    def __init__(self, project: Settings, authority: Authority) -> None:
        self.anchor = AnchorSettings(kind="tsa", to=authority.url, certificate=str(authority.folder / "root.pem"))
        self.key = SignerKey.generate(create_ledger(project))
        self.settings = self.with_anchor(project, self.anchor)
        with closing(open_ledger(project)) as store:
            store.append(
                predictions(20), sign=lambda head: sign(Checkpoint.of(self.key.name, head, time=BEGAN), self.key)
            )
            checkpoint = store.latest_checkpoint()
        assert checkpoint is not None
        self.kept = AnchorStates(self.settings).kept(self.anchor)
        open_anchor(self.anchor, project.root, self.kept).push(checkpoint)
        self.file = self.kept / file_name(checkpoint)

    @staticmethod
    def with_anchor(settings: Settings, anchor: AnchorSettings) -> Settings:
        ledger = settings.ledger.model_copy(update={"anchors": (anchor,)})
        return settings.model_copy(update={"ledger": ledger})

    def verify(self, **changed: str) -> Verification:
        settings = self.with_anchor(self.settings, self.anchor.model_copy(update=changed))
        return verify_project_ledger(
            settings, since=None, outside=(), keys=[self.key.verifier], progress=lambda _done, _of: None
        )


@pytest.fixture
def stamped(project: Settings, authority: Authority) -> Stamped:
    return Stamped(project, authority)


def test_a_checkpoint_with_a_timestamp_that_verifies_is_of_grade_a(stamped: Stamped) -> None:
    found = stamped.verify()
    assert (found.outcome, found.grade, found.anchored, found.unchecked) == ("ok", "A", 20, ())


def test_without_the_authoritys_root_it_is_not_checked_and_counts_for_nothing(stamped: Stamped) -> None:
    for certificate in ("", "no-such.pem"):
        found = stamped.verify(certificate=certificate)
        assert (found.outcome, found.grade, found.anchored) == ("ok", "C", 0)
        assert found.unchecked[0].startswith("1 timestamps were not checked: ")


def test_a_timestamp_of_something_else_or_by_another_authority_is_told_and_counts_for_nothing(
    stamped: Stamped, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Authority(folder=other).make_keys()
    by_another = stamped.verify(certificate=str(other / "root.pem"))
    stamped.file.write_bytes(stamped.file.read_bytes().replace(b"time 2", b"time 1"))
    of_else = stamped.verify()
    stamped.file.unlink()
    alone = stamped.verify()
    for found in (by_another, of_else, alone):
        assert (found.exit_status, found.grade, found.anchored) == (2, "C", 0)
        assert "is no evidence" in found.findings[-1].message


def test_a_ledger_that_was_written_anew_does_not_fit_its_timestamp(stamped: Stamped) -> None:
    (stamped.settings.root / "vouch-ledger.db").unlink()
    (stamped.settings.private_folder / "ledger-origin").unlink()
    anew = stamped.settings.model_copy(
        update={"ledger": stamped.settings.ledger.model_copy(update={"origin": stamped.key.name})}
    )
    create_ledger(anew)
    with closing(open_ledger(anew)) as store:
        store.append(
            predictions(21)[1:], sign=lambda head: sign(Checkpoint.of(stamped.key.name, head, time=BEGAN), stamped.key)
        )
    found = stamped.verify()
    assert found.outcome == "tampered"
    assert any("the timestamp " in each.message for each in found.findings)


def test_a_folder_without_timestamps_says_nothing(tmp_path: Path) -> None:
    assert read_kept_timestamps(tmp_path / "none", None).unchecked == ""
