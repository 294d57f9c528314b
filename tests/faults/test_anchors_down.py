"""A real service with anchors: checkpoints reach those that answer, and one that does not is told of."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.processes import run
from tests.faults.conftest import Start
from tests.ledger.anchors.receivers import Receiver, listening
from tests.serving.conftest import Project


def test_checkpoints_leave_the_host_and_an_anchor_that_is_away_shows_until_it_is_back(
    start: Start, project: Project, features: dict[str, float], tmp_path: Path
) -> None:
    elsewhere, receiver = tmp_path / "elsewhere", Receiver(status=503)
    elsewhere.mkdir()
    root = project.settings.root
    assert run("keys", "init", cwd=root).returncode == 0
    with listening(receiver):
        anchors = [
            {"kind": "file", "to": str(elsewhere), "every_seconds": 1},
            {"kind": "http", "to": receiver.url, "every_seconds": 1},
        ]
        environment = {
            "VOUCH_LEDGER__ANCHORS": json.dumps(anchors),
            "VOUCH_LEDGER__CHECKPOINT_SECONDS": "0.2",
            "VOUCH_CONFIG": str(root / "vouch.toml"),
        }
        service = start("--workers", "2", environment=environment)
        service.predict(features)
        service.until(lambda: list(elsewhere.iterdir()))
        service.until(lambda: "Anchor 2 (http) has taken no checkpoint yet" in service.warnings())
        assert "Anchor 1" not in service.warnings()
        assert receiver.url not in service.warnings()
        assert service.predict(features).status_code == 200  # nobody waits for an anchor
        status = run("ledger", "status", "--json", cwd=root, **environment)
        told = {anchor["kind"]: anchor for anchor in json.loads(status.stdout)["anchors"]}
        assert (told["file"]["problem"], told["file"]["size"] > 0) == ("", True)
        assert told["http"]["problem"] == "It answers with the status 503."
        receiver.status = 200
        service.until(lambda: "Anchor 2" not in service.warnings())
        note = tmp_path / "note.txt"
        note.write_bytes(receiver.received[-1].body)
        service.end()

    verified = run("ledger", "verify", "--checkpoint", str(note), "--grade", "B", "--json", cwd=root, **environment)
    found = json.loads(verified.stdout)
    assert (found["outcome"], found["grade"]) == ("ok", "B")
    assert found["anchored"] > 0
