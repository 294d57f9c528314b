"""A ledger that cannot be written: nothing is answered unrecorded unless the settings say so, and it comes back."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.faults.conftest import Start
from tests.faults.services import Service
from tests.serving.conftest import Project

from vouchml.ledger.store import open_store

MEBIBYTE = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for the ledger, with room for two mebibytes."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    options = f"size={2 * MEBIBYTE},mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this user may not mount: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leaves(ledger: Path) -> list[dict[str, Any]]:
    with closing(open_store(f"sqlite:///{ledger}")) as store:
        return [json.loads(entry.leaf) for entry in store.entries(0, 100_000)]


def recorded(ledger: Path) -> list[str]:
    return [leaf["prediction_id"] for leaf in leaves(ledger) if leaf["type"] == "prediction"]


def require_refusals(service: Service, features: dict[str, float]) -> None:
    """Every door refuses, /health says why, and nobody is sent here."""
    reply = service.predict(features)
    assert reply.status_code == 503, reply.text
    assert reply.json()["detail"]["code"] == "ledger-unavailable"
    assert reply.headers["Retry-After"] == "1"
    assert str(service.project.settings.root) not in reply.text
    health = service.health_when(lambda health: health["ledger"]["state"] == "unavailable")
    assert health["status"] == "degraded"
    assert health["reasons"]
    service.until(lambda: service.get("/health/ready").status_code == 503)


def test_a_full_disk_refuses_and_room_helps(start: Start, small_disk: Path, features: dict[str, float]) -> None:
    ledger = small_disk / "vouch-ledger.db"
    service = start(environment={"VOUCH_LEDGER__URL": f"sqlite:///{ledger}"})
    answered = [service.predict(features).json()["prediction_id"] for _ in range(5)]
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * shutil.disk_usage(small_disk).free)
    require_refusals(service, features)
    for door, body in (("/invocations", {"inputs": [features]}), ("/predict/batch", {"rows": [features]})):
        refused = service.post(door, body)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    ballast.unlink()
    service.until_ready()
    answered.append(service.predict(features).json()["prediction_id"])

    assert recorded(ledger) == answered
    service.until(lambda: service.health()["status"] == "ok")
    service.until(lambda: "ledger-unavailable" in str([leaf.get("counts") for leaf in leaves(ledger)]))


def test_a_ledger_that_another_program_holds_refuses_and_comes_back_by_itself(
    start: Start, cold_project: Project, features: dict[str, float]
) -> None:
    ledger = cold_project.settings.root / "vouch-ledger.db"
    service = start()
    answered = [service.predict(features).json()["prediction_id"]]
    with closing(apsw.Connection(str(ledger))) as other:
        other.set_busy_timeout(5000)
        other.execute("BEGIN IMMEDIATE")
        require_refusals(service, features)
    service.until_ready()
    answered.append(service.predict(features).json()["prediction_id"])

    assert recorded(ledger) == answered


def test_a_ledger_that_was_moved_away_refuses_and_goes_on_where_it_was_when_it_is_put_back(
    start: Start, cold_project: Project, features: dict[str, float]
) -> None:
    ledger = cold_project.settings.root / "vouch-ledger.db"
    service = start("--workers", "2")
    service.until_all_serve(2)
    answered = [service.predict(features).json()["prediction_id"] for _ in range(5)]
    names = [path for path in ledger.parent.iterdir() if path.name.startswith(ledger.name)]
    for path in names:
        path.rename(path.with_name(f"away-{path.name}"))
    service.until(lambda: service.predict(features).status_code == 503)
    require_refusals(service, features)
    assert not ledger.exists()  # no new log is begun in silence
    for path in names:
        path.with_name(f"away-{path.name}").rename(path)
    service.until(lambda: all(service.predict(features).status_code == 200 for _ in range(20)))

    found = recorded(ledger)
    assert found[:5] == answered
    assert len(set(found)) == len(found)


def test_told_to_serve_it_answers_says_so_and_leaves_one_gap_with_the_count(
    start: Start, cold_project: Project, features: dict[str, float]
) -> None:
    ledger = cold_project.settings.root / "vouch-ledger.db"
    service = start(environment={"VOUCH_LEDGER__ON_FAILURE": "serve"})
    first = service.predict(features)
    with closing(apsw.Connection(str(ledger))) as other:
        other.set_busy_timeout(5000)
        other.execute("BEGIN IMMEDIATE")
        unrecorded = [service.predict(features) for _ in range(4)]
        health = service.health_when(lambda health: health["ledger"]["state"] == "unavailable")
        assert service.is_ready()
    service.until(lambda: service.health()["status"] == "ok")
    last = service.predict(features)

    assert [reply.status_code for reply in unrecorded] == [200] * 4
    assert [reply.headers.get("x-vouch-recorded") for reply in unrecorded] == ["no"] * 4
    assert health["status"] == "degraded"
    assert [reply.headers.get("x-vouch-recorded") for reply in (first, last)] == [None, None]
    assert recorded(ledger) == [reply.json()["prediction_id"] for reply in (first, last)]
    assert [leaf["records"] for leaf in leaves(ledger) if leaf["type"] == "gap"] == [4]
