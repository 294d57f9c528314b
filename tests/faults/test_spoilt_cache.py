"""Whatever happened to `.vouch` while nobody looked: what was changed is not loaded, and what is lost is fetched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import Start
from tests.serving.conftest import Following, Project

from vouchml.model.bundle import make_writable


def bundle(project: Project) -> Path:
    (folder,) = (project.settings.private_folder / "bundles").iterdir()
    return folder


def state(project: Project) -> Path:
    (file,) = (project.settings.private_folder / "serving").glob("state-*.json")
    return file


def change_a_file(project: Project) -> None:
    make_writable(bundle(project))
    document = json.loads((bundle(project) / "affine.json").read_text())
    document["intercept"] = 0.0
    (bundle(project) / "affine.json").write_text(json.dumps(document))


def remove_a_file(project: Project) -> None:
    make_writable(bundle(project))
    (bundle(project) / "golden.json").unlink()


def add_a_file(project: Project) -> None:
    make_writable(bundle(project))
    (bundle(project) / "more").write_text("")


def put_a_link_in_place_of_a_file(project: Project) -> None:
    make_writable(bundle(project))
    moved = project.settings.root / "elsewhere.json"
    (bundle(project) / "affine.json").rename(moved)
    (bundle(project) / "affine.json").symlink_to(moved)


def put_a_link_in_place_of_the_folder(project: Project) -> None:
    folder = bundle(project)
    make_writable(folder)
    moved = project.settings.root / "elsewhere"
    folder.rename(moved)
    folder.symlink_to(moved)


def put_a_link_to_nowhere_in_place_of_the_folder(project: Project) -> None:
    folder = bundle(project)
    make_writable(folder)
    shutil.rmtree(folder)
    folder.symlink_to("nowhere")


def put_a_file_in_place_of_the_folder(project: Project) -> None:
    folder = bundle(project)
    make_writable(folder)
    shutil.rmtree(folder)
    folder.write_text("")


def remove_all_bundles(project: Project) -> None:
    make_writable(bundle(project))
    shutil.rmtree(project.settings.private_folder / "bundles")


def cut_the_state(project: Project) -> None:
    content = state(project).read_bytes()
    state(project).write_bytes(content[: content.index(b"digest")])


def empty_the_state(project: Project) -> None:
    state(project).write_bytes(b"")


def write_a_state_of_another_format(project: Project) -> None:
    document = json.loads(state(project).read_text())
    state(project).write_text(json.dumps({**document, "format": "vouchml-serving-state-v2", "more": []}))


def name_another_bundle_in_the_state(project: Project) -> None:
    document = json.loads(state(project).read_text())
    document["champion"]["digest"] = "0" * 64
    state(project).write_text(json.dumps(document))


SPOILT_BUNDLES = [
    change_a_file,
    remove_a_file,
    add_a_file,
    put_a_link_in_place_of_a_file,
    put_a_link_in_place_of_the_folder,
    put_a_link_to_nowhere_in_place_of_the_folder,
    put_a_file_in_place_of_the_folder,
    remove_all_bundles,
    name_another_bundle_in_the_state,
]
SPOILT_STATES = [cut_the_state, empty_the_state, write_a_state_of_another_format]
Spoil = Callable[[Project], None]


@pytest.mark.parametrize("spoil", [*SPOILT_BUNDLES, *SPOILT_STATES])
def test_what_was_changed_is_not_loaded_and_the_version_is_fetched_again(project: Project, spoil: Spoil) -> None:
    spoil(project)
    follower = Following(project.settings)
    follower.refresh()
    assert follower.served is None

    follower.poll()

    assert follower.served is not None
    assert follower.served.version == "1"
    assert follower.reasons() == ()
    assert not follower.served.bundle.folder.is_symlink()
    assert {entry.name for entry in follower.served.bundle.folder.parent.iterdir()} == {follower.served.model_digest}


def test_what_a_link_in_the_cache_points_at_is_left_as_it_is(project: Project) -> None:
    theirs = project.settings.root / "theirs"
    theirs.mkdir(mode=0o750)
    (theirs / "a file").write_text("theirs")
    (theirs / "a file").chmod(0o440)
    folder = bundle(project)
    make_writable(folder)
    shutil.rmtree(folder)
    folder.symlink_to(theirs)

    Following(project.settings).poll()

    assert not folder.is_symlink()
    assert (theirs / "a file").read_text() == "theirs"
    assert [path.stat().st_mode & 0o777 for path in (theirs, theirs / "a file")] == [0o750, 0o440]


@pytest.mark.parametrize("spoil", [change_a_file, cut_the_state])
def test_a_service_with_a_spoilt_cache_serves_once_the_registry_has_answered(
    start: Start, project: Project, features: dict[str, float], spoil: Spoil
) -> None:
    spoil(project)
    service = start("--workers", "2")
    service.until_all_serve(2)
    service.until(lambda: service.health()["status"] == "ok")

    assert service.predict(features).json()["model_version"] == "1"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(change_a_file, "Its files in the cache were changed; they were not loaded."), (cut_the_state, "no mlflow.db")],
)
def test_with_a_spoilt_cache_and_no_registry_nothing_is_served_and_the_reason_is_said(
    start: Start, project: Project, features: dict[str, float], spoil: Spoil, reason: str
) -> None:
    spoil(project)
    shutil.move(project.database, project.database.with_name("away.db"))
    service = start(ready=False)
    health = service.health_when(lambda health: reason in str(health["reasons"]))
    service.health_when(lambda health: health["registry_reachable"] is False)
    reply = service.predict(features)

    assert health["model_loaded"] is False
    assert reply.status_code == 503
    assert reply.json()["detail"]["code"] == "no-model-loaded"


def test_a_cache_that_is_removed_while_it_serves_is_filled_again(
    start: Start, project: Project, features: dict[str, float]
) -> None:
    service = start()
    service.until(lambda: service.health()["registry_reachable"])
    make_writable(project.settings.private_folder)
    shutil.rmtree(project.settings.private_folder)

    assert service.predict(features).json()["model_version"] == "1"
    service.until(lambda: (project.settings.private_folder / "bundles").is_dir() and bundle(project).is_dir())
    project.promote("2")
    service.until(lambda: service.version() == "2")
    assert service.health()["status"] == "ok"
