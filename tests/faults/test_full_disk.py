"""A disk that fills up: nothing that serves is lost, and /health says what is the matter."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.conftest import Start
from tests.faults.services import Service
from tests.serving.conftest import Project

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")

SIZE = 1024 * 1024
FULL = "No space left on device"


@pytest.fixture
def small_disk(cold_project: Project) -> Iterator[Path]:
    """`.vouch` on a disk of its own, which has room for one mebibyte."""
    folder = cold_project.settings.private_folder
    folder.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this root may not mount: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, *, leave: int) -> Path:
    """Write to the disk until it has no more than `leave` bytes."""
    free = shutil.disk_usage(disk).free
    ballast = disk / "ballast"
    with ballast.open("ab") as file:
        file.write(b"x" * max(0, free - leave))
    return ballast


def test_a_disk_without_room_for_the_first_version_is_said_and_room_helps(
    start: Start, small_disk: Path, features: dict[str, float]
) -> None:
    ballast = fill(small_disk, leave=64 * 1024)
    service = start(ready=False)
    health = service.health_when(lambda health: FULL in str(health["reasons"]))
    reply = service.predict(features)

    assert health["model_loaded"] is False
    assert "The private folder for bundles cannot be written" in health["reasons"][0]
    assert reply.status_code == 503
    assert FULL in reply.json()["detail"]["message"]
    assert str(small_disk) not in reply.text
    ballast.unlink()
    service.until_ready()
    service.until(lambda: service.health()["status"] == "ok")


def test_a_disk_that_fills_up_later_leaves_the_version_serving_and_counting(
    start: Start, small_disk: Path, features: dict[str, float]
) -> None:
    service = start("--workers", "2")
    service.until_all_serve(2)
    ballast = fill(small_disk, leave=0)
    service.project.promote("2")
    health = service.health_when(lambda health: FULL in str(health["reasons"]))
    for _ in range(10):
        assert service.predict(features).json()["model_version"] == "1"

    assert health["status"] == "degraded"
    assert "Version 1 keeps serving." in health["reasons"][0]
    assert service.metric("vouch_requests_total", door="predict", status="200") == 10
    ballast.unlink()
    service.until_all_serve(2, "2")
    service.until(lambda: service.health()["status"] == "ok")
    assert states(service) == 1


def test_a_service_starts_on_a_full_disk_from_what_it_has_and_says_that_it_cannot_write(
    start: Start, small_disk: Path, project: Project, features: dict[str, float]
) -> None:
    ballast = fill(small_disk, leave=0)
    # With a ledger it would answer 503, as test_ledger_down has it: nothing leaves without a record.
    service = start(environment={"VOUCH_LEDGER__URL": ""})
    health = service.health_when(lambda health: FULL in str(health["reasons"]))
    answer = service.predict(features).json()

    assert (health["model_loaded"], answer["model_version"]) == (True, "1")
    assert "The state of the service cannot be written" in str(health["reasons"])
    assert service.events("metrics-not-shared")
    assert service.metric("vouch_requests_total", door="predict", status="200") == 1
    ballast.unlink()
    service.until(lambda: service.health()["status"] == "ok")


def states(service: Service) -> int:
    return len(list((service.private / "serving").glob("state-*.json")))
