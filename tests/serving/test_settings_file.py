"""A service that runs says when the settings that it was started with are not those of the file any more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vouchml.serving.app import create_app
from vouchml.serving.settings_file import SettingsFile

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Project, Serve

TOLD = "vouch.toml was changed since this service started, and counts when it is started again."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "vouch.toml"
    path.write_text("[serving]\nport = 8000\n")
    return path


def looked(file: SettingsFile) -> str:
    file.look()
    return file.warning


def test_other_bytes_are_a_change_and_the_old_ones_again_are_none(path: Path) -> None:
    file = SettingsFile(path)
    assert looked(file) == ""
    before = path.read_bytes()
    path.write_bytes(before.replace(b"8000", b"8001"))
    assert looked(file) == TOLD
    assert file.changed
    path.write_bytes(before)
    os.utime(path, ns=(1, 1))
    assert looked(file) == ""


def test_a_file_that_is_only_touched_or_replaced_by_the_same_is_not_changed(path: Path) -> None:
    file = SettingsFile(path)
    os.utime(path, ns=(1, 1))
    assert looked(file) == ""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)
    assert looked(file) == ""


def test_a_file_that_is_gone_is_a_change_until_it_is_back(path: Path) -> None:
    file = SettingsFile(path)
    before = path.read_bytes()
    path.unlink()
    assert looked(file) == TOLD
    path.write_bytes(before)
    assert looked(file) == ""


def test_health_says_it_within_a_look_and_stays_ok(
    served_project: Project, serve: Serve, eventually: Eventually
) -> None:
    path = served_project.settings.root / "vouch.toml"
    served_project.promote("1")
    with serve(create_app(served_project.settings, SettingsFile(path))) as client:
        eventually(lambda: client.get("/health").json()["status"] == "ok")
        assert client.get("/health").json()["settings_changed"] is False
        path.write_text(path.read_text() + "# another word\n")
        eventually(lambda: client.get("/health").json()["settings_changed"])
        health = client.get("/health").json()
    assert TOLD in health["warnings"]
    assert health["status"] == "ok"
