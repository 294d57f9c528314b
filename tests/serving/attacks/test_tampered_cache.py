"""What somebody who can write to the registry, or to `.vouch`, tries with the cache of bundles."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vouchml.model.bundle import make_writable
from vouchml.settings import Settings

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Following, Project


def renamed(folder: Path) -> None:
    (folder / "affine.json").rename(folder / "affine.jsoo")


def test_a_version_with_the_digest_of_a_good_one_does_not_keep_the_good_one_out(
    served_project: Project, follower: Following, tmp_path: Path
) -> None:
    number = served_project.add_version(renamed, tmp_path / "source")
    served_project.promote(str(number))
    follower.poll()
    refused = follower.reasons()
    served_project.promote("1")
    follower.poll()

    assert "has no affine.json" in refused[0]
    assert follower.serving_model().version == "1"
    assert follower.reasons() == ()


def test_a_version_with_the_digest_of_the_one_that_serves_leaves_it_in_the_cache(
    served_project: Project, follower: Following, follow: Callable[[Settings], Following], tmp_path: Path
) -> None:
    served_project.promote("1")
    follower.poll()
    served_project.promote(str(served_project.add_version(renamed, tmp_path / "source")))
    follower.poll()
    follower.poll()
    refused = follower.reasons()
    served_project.database.unlink()
    again = follow(served_project.settings)
    again.refresh()

    assert "has no affine.json" in refused[0]
    assert follower.serving_model().version == "1"
    assert again.serving_model().version == "1"


def test_a_file_that_was_renamed_in_the_cache_is_fetched_anew(
    served_project: Project, follower: Following, follow: Callable[[Settings], Following]
) -> None:
    served_project.promote("1")
    follower.poll()
    folder = follower.serving_model().bundle.folder
    make_writable(folder)
    renamed(folder)
    again = follow(served_project.settings)
    again.refresh()
    again.poll()
    again.poll()

    assert again.serving_model().version == "1"
    assert (folder / "affine.json").is_file()


@pytest.mark.parametrize("refusals", [10**12, 10**400, -1])
def test_a_number_of_refusals_that_somebody_made_up_holds_nobody_up(
    served_project: Project, follower: Following, refusals: int
) -> None:
    served_project.promote("1")
    follower.poll()
    (state,) = (served_project.settings.private_folder / "serving").glob("state-*.json")
    document = json.loads(state.read_text())
    state.write_text(json.dumps(document | {"refusals": refusals}))
    began = time.monotonic()
    follower.refresh()
    follower.poll()

    assert time.monotonic() - began < 30
    assert follower.serving_model().version == "1"
    assert follower.reasons() == ()


def test_what_the_watcher_writes_is_for_its_owner_alone(
    served_project: Project, follower: Following, eventually: Eventually
) -> None:
    served_project.promote("1")
    follower.start()
    try:
        eventually(lambda: follower.status.registry_reachable is True)
        follower.look_now()
    finally:
        follower.stop()

    files = list((served_project.settings.private_folder / "serving").iterdir())
    assert {file.suffix for file in files} == {".json", ".lock", ".look"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_path_in_the_state_file_reaches_no_folder(
    served_project: Project, follower: Following, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept").write_text("kept")
    served_project.promote("1")
    follower.poll()
    (state,) = (served_project.settings.private_folder / "serving").glob("state-*.json")
    document = json.loads(state.read_text())
    document["champion"]["digest"] = str(victim)
    state.write_text(json.dumps(document))
    follower.refresh()

    assert (victim / "kept").read_text() == "kept"
    assert follower.serving_model().version == "1"
