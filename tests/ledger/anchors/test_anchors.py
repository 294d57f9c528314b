"""Each kind of place outside keeps checkpoints as they are, and says why when it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import ValidationError
from tests.cli.processes import free_ports
from tests.ledger.anchors.receivers import Authority, Bucket, Receiver, listening
from tests.ledger.memory import BEGAN

from vouchml.errors import AnchorFailed
from vouchml.ledger.anchors import Anchor, file_name, open_anchor
from vouchml.ledger.checkpoint import Checkpoint as Head
from vouchml.ledger.checkpoint import SignerKey, sign
from vouchml.ledger.record import time_text
from vouchml.ledger.store.base import Checkpoint
from vouchml.settings import AnchorSettings

KEY: Final = SignerKey.generate("example.com/ledger")


def note_over(root: bytes) -> str:
    return sign(Head(KEY.name, 300, root, (f"time {time_text(BEGAN)}",)), KEY)


ONE: Final = Checkpoint(300, note_over(bytes(32)))
OTHER: Final = Checkpoint(300, note_over(bytes(31) + b"1"))


def anchor(root: Path, **settings: Any) -> Anchor:
    return open_anchor(AnchorSettings(**settings), root, root / "kept")


def refused(place: Anchor, checkpoint: Checkpoint = ONE) -> str:
    with pytest.raises(AnchorFailed) as caught:
        place.push(checkpoint)
    assert caught.value.remedy
    return caught.value.message


def test_a_folder_gets_a_file_a_checkpoint_and_never_another_content(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    place = anchor(tmp_path, kind="file", to="elsewhere")
    assert "No such file" in refused(place)
    elsewhere.mkdir()
    place.push(ONE)
    place.push(ONE)
    assert [path.name for path in elsewhere.iterdir()] == [file_name(ONE)]
    assert (elsewhere / file_name(ONE)).read_text() == ONE.note
    assert "another checkpoint of 300 records" in refused(place, OTHER)
    assert (elsewhere / file_name(ONE)).read_text() == ONE.note


def test_an_endpoint_gets_the_text_and_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver()
    with listening(receiver):
        place = anchor(tmp_path, kind="http", to=f"{receiver.url}/checkpoints", token_variable="A_TOKEN")
        assert "no token" in refused(place)
        monkeypatch.setenv("A_TOKEN", "secret")
        place.push(ONE)
        (request,) = receiver.received
        assert (request.method, request.path, request.body) == ("POST", "/checkpoints", ONE.note.encode())
        assert request.headers["authorization"] == "Bearer secret"
        receiver.status = 503
        assert refused(place) == "It answers with the status 503."
    assert "Nobody answers" in refused(place)


def test_a_bucket_gets_an_object_a_checkpoint_signed_with_its_digest_and_never_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    bucket = Bucket()
    with listening(bucket):
        place = anchor(tmp_path, kind="s3", to="s3://audits/a ledger", endpoint=bucket.url, region="eu-central-1")
        place.push(ONE)
        place.push(ONE)
        assert bucket.objects == {f"/audits/a%20ledger/{file_name(ONE)}": ONE.note.encode()}
        assert "another checkpoint of 300 records" in refused(place, OTHER)
        bucket.key_id = "ANOTHER"
        assert "does not take it" in refused(place)
    assert "does not take it" in refused(place)


def test_a_timestamp_is_kept_beside_its_checkpoint_and_verifies_without_our_code(
    tmp_path: Path, authority: Authority
) -> None:
    anchor(tmp_path, kind="tsa", to=authority.url, certificate="authority/root.pem").push(ONE)
    kept = tmp_path / "kept" / file_name(ONE)
    assert kept.read_text() == ONE.note
    answer = ["-in", str(kept.with_suffix(".tsr")), "-data", str(kept), "-CAfile", "root.pem"]
    authority.openssl("ts", "-verify", *answer, "-untrusted", "tsa.pem")
    assert "Time stamp" in authority.openssl("ts", "-reply", "-in", str(kept.with_suffix(".tsr")), "-text")


def test_an_answer_that_is_no_timestamp_of_the_checkpoint_is_not_kept(tmp_path: Path, authority: Authority) -> None:
    place = anchor(tmp_path, kind="tsa", to=authority.url, certificate="authority/root.pem")
    authority.lies = True
    assert "something else" in refused(place)
    authority.lies = False
    folder = tmp_path / "other"
    folder.mkdir()
    Authority(folder=folder).make_keys()
    assert "does not verify" in refused(anchor(tmp_path, kind="tsa", to=authority.url, certificate="other/root.pem"))
    assert "cannot be read" in refused(anchor(tmp_path, kind="tsa", to=authority.url, certificate="none.pem"))
    assert not (tmp_path / "kept").exists()


def test_an_endpoint_that_is_no_authority_gives_no_timestamp(tmp_path: Path) -> None:
    receiver = Receiver()
    with listening(receiver):
        assert "no timestamp" in refused(anchor(tmp_path, kind="tsa", to=receiver.url))
    (port,) = free_ports(1)
    assert "Nobody answers" in refused(anchor(tmp_path, kind="tsa", to=f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(("kind", "to"), [("s3", "bucket"), ("http", "ftp://x"), ("tsa", "/a/path"), ("file", "")])
def test_an_address_that_does_not_fit_the_kind_is_refused(kind: str, to: str) -> None:
    with pytest.raises(ValidationError, match="to"):
        AnchorSettings(kind=kind, to=to)
