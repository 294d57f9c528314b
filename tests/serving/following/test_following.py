from __future__ import annotations

import json
import stat
import threading
import time
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vouchml.model.bundle import make_writable
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Following, Project


def version_served(follower: Following) -> str | None:
    return follower.served.version if follower.served else None


def serves_after_another_look(follower: Following, before: datetime | None) -> bool:
    return follower.served is not None and follower.status.last_poll_at != before


def drop_contract(folder: Path) -> None:
    (folder / "contract.json").unlink()


def test_without_a_database_it_waits_and_says_so(served_project: Project, follower: Following) -> None:
    served_project.database.unlink()

    follower.poll()

    assert follower.served is None
    assert follower.status.registry_reachable is False
    assert follower.reasons() == ("The registry cannot be read: There is no mlflow.db yet.",)


def test_a_database_and_a_promotion_that_come_later_are_picked_up(served_project: Project, follower: Following) -> None:
    content = served_project.database.read_bytes()
    served_project.database.unlink()
    follower.poll()
    served_project.database.write_bytes(content)
    follower.poll()
    nothing = follower.reasons()
    served_project.promote("1")
    follower.poll()

    assert nothing == ("No version of breast_cancer_classifier is in Staging, and none has the alias of that name.",)
    assert version_served(follower) == "1"
    assert follower.reasons() == ()


def test_a_database_that_was_deleted_and_made_anew_is_read(served_project: Project, follower: Following) -> None:
    content = served_project.database.read_bytes()
    served_project.promote("1")
    follower.poll()
    served_project.database.unlink()
    follower.poll()
    gone = follower.reasons()
    served_project.database.write_bytes(content)
    follower.poll()

    assert gone == ("The registry cannot be read: There is no mlflow.db yet. Version 1 keeps serving.",)
    assert version_served(follower) == "1"
    assert follower.reasons()[0].startswith("No version of breast_cancer_classifier is in Staging")


def test_an_unregistered_model_is_a_reason_and_not_an_unreachable_registry(
    served_project: Project, follower: Following
) -> None:
    served_project.registry.client.delete_registered_model(served_project.name)

    follower.poll()

    assert follower.reasons() == ("MLflow does not have a registered model breast_cancer_classifier.",)
    assert follower.status.registry_reachable is True


def test_promotion_and_rollback_are_followed(served_project: Project, follower: Following) -> None:
    served: list[str | None] = []
    for step in ("1", "2"):
        served_project.promote(step)
        follower.poll()
        served.append(version_served(follower))
    served_project.registry.rollback(served_project.name, stage="Staging", who="a test", why="to go back")
    follower.poll()

    assert [*served, version_served(follower)] == ["1", "2", "1"]


def test_an_alias_or_a_stage_that_is_moved_with_mlflow_alone_is_followed(
    served_project: Project, follower: Following
) -> None:
    client: Any = served_project.registry.client
    served_project.promote("1")
    follower.poll()
    client.set_registered_model_alias(served_project.name, "staging", "2")
    follower.poll()
    by_alias = (version_served(follower), follower.reasons(), len(follower.status.warnings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        client.transition_model_version_stage(served_project.name, "2", "Staging", archive_existing_versions=True)
        follower.poll()
        client.transition_model_version_stage(served_project.name, "1", "Staging", archive_existing_versions=True)
    follower.poll()

    assert by_alias == ("2", (), 1)
    assert version_served(follower) == "1"


def test_an_emptied_stage_leaves_the_version_serving(served_project: Project, follower: Following) -> None:
    client: Any = served_project.registry.client
    served_project.promote("1")
    follower.poll()
    client.delete_registered_model_alias(served_project.name, "staging")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        client.transition_model_version_stage(served_project.name, "1", "Archived")
    follower.poll()

    assert version_served(follower) == "1"
    assert follower.reasons() == (
        "No version of breast_cancer_classifier is in Staging, and none has the alias of that name. "
        "Version 1 keeps serving.",
    )


def test_a_model_that_was_deleted_and_made_anew_is_loaded_although_its_number_is_the_same(
    served_project: Project, follower: Following, tmp_path: Path
) -> None:
    registry = served_project.registry
    served_project.promote("1")
    follower.poll()
    assert follower.served is not None
    before = follower.served
    source = registry.version(served_project.name, "2").source
    registry.client.delete_registered_model(served_project.name)
    registry.register(served_project.name, source=source, run_id=None)
    served_project.promote("1")
    follower.poll()

    assert follower.served is not None
    assert (before.version, follower.served.version) == ("1", "1")
    assert follower.served.model_digest != before.model_digest


@pytest.mark.parametrize(
    ("defect", "reason"),
    [
        ("no contract", "has no contract.json"),
        ("broken contract", "is not a contract"),
        ("no model", "has no affine.json"),
        ("broken model", "affine.json is not an affine form"),
        ("other features", "affine.json does not take 29 features"),
        ("a link", "MLflow failed"),
    ],
)
def test_a_broken_version_is_refused_with_the_reason_and_the_old_one_serves(
    served_project: Project, follower: Following, tmp_path: Path, defect: str, reason: str
) -> None:
    def break_it(folder: Path) -> None:
        contract = folder / "contract.json"
        match defect:
            case "no contract":
                contract.unlink()
            case "broken contract":
                contract.write_text("{}")
            case "no model":
                (folder / "affine.json").unlink()
            case "broken model":
                (folder / "affine.json").write_bytes(b"not a model")
            case "other features":
                document = json.loads(contract.read_text())
                del document["features"][0]
                contract.write_text(json.dumps(document))
            case "a link":
                (folder / "more").symlink_to("/etc/hosts")

    served_project.promote("1")
    follower.poll()
    number = served_project.add_version(break_it, tmp_path / "source")
    served_project.promote(str(number))
    follower.poll()

    (said,) = follower.reasons()
    assert version_served(follower) == "1"
    assert said.startswith("Version 3 was not loaded: ")
    assert said.endswith(" Version 1 keeps serving.")
    assert reason in said
    assert str(tmp_path) not in said


def test_a_broken_version_is_not_fetched_at_every_look_but_again_when_something_changes(
    served_project: Project, follower: Following, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[int] = []
    fetch = ModelRegistry.fetch

    def counting(self: ModelRegistry, version: Any, folder: Path, **limits: Any) -> None:
        fetched.append(version.number)
        fetch(self, version, folder, **limits)

    clock = 1000.0
    monkeypatch.setattr(ModelRegistry, "fetch", counting)
    monkeypatch.setattr("vouchml.serving.following.watcher.time.monotonic", lambda: clock)
    number = str(served_project.add_version(drop_contract, tmp_path / "source"))
    fetched.clear()
    served_project.promote(number)
    for _ in range(5):
        follower.poll()
    at_once = len(fetched)
    clock += 60.0
    for _ in range(5):
        follower.poll()
    after_a_minute = len(fetched)
    served_project.registry.client.set_model_version_tag(served_project.name, number, "mended", "yes")
    for _ in range(5):
        follower.poll()
    after_a_change = len(fetched)
    content = served_project.database.read_bytes()
    served_project.database.unlink()
    follower.poll()
    served_project.database.write_bytes(content)
    for _ in range(5):
        follower.poll()

    assert (at_once, after_a_minute, after_a_change, len(fetched)) == (1, 2, 3, 4)


def test_a_refused_version_is_forgotten_when_the_pointer_goes_back(
    served_project: Project, follower: Following, tmp_path: Path
) -> None:
    served_project.promote("1")
    follower.poll()
    served_project.promote(str(served_project.add_version(drop_contract, tmp_path / "source")))
    follower.poll()
    served_project.promote("1")
    follower.poll()

    assert version_served(follower) == "1"
    assert follower.reasons() == ()


def test_what_is_not_an_error_of_ours_is_survived_and_its_text_stays_in_the_log(
    served_project: Project, follower: Following, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("/secret/path")

    served_project.promote("1")
    follower.poll()
    monkeypatch.setattr(ModelRegistry, "pointer", fail)
    follower.poll()

    assert version_served(follower) == "1"
    assert follower.reasons() == (
        "The registry cannot be read: It failed unexpectedly (KeyError); the log says where. Version 1 keeps serving.",
    )
    assert "/secret/path" in caplog.text


def test_bundles_lie_in_private_read_only_folders_named_by_their_digest(
    served_project: Project, follower: Following
) -> None:
    served_project.promote("1")
    follower.poll()

    assert follower.served is not None
    bundles = served_project.settings.private_folder / "bundles"
    folder = bundles / follower.served.model_digest
    assert [entry.name for entry in bundles.iterdir()] == [folder.name]
    assert follower.served.bundle.folder == folder
    assert [stat.S_IMODE(place.stat().st_mode) for place in (bundles.parent, bundles, folder)] == [0o700, 0o700, 0o500]
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o400}


def test_a_bundle_that_was_changed_on_disk_is_replaced_and_never_loaded(
    served_project: Project, follower: Following, follow: Callable[[Settings], Following]
) -> None:
    served_project.promote("1")
    follower.poll()
    assert follower.served is not None
    first = follower.served
    make_writable(first.bundle.folder)
    (first.bundle.folder / "model.onnx").write_bytes(b"something else")
    again = follow(served_project.settings)
    again.refresh()
    assert again.served is None
    assert "were changed" in again.reasons()[0]
    again.poll()

    assert again.served is not None
    assert again.served.model_digest == first.model_digest
    assert (again.served.bundle.folder / "model.onnx").read_bytes() != b"something else"


def test_a_private_folder_that_cannot_be_written_is_a_reason(
    served_project: Project, follower: Following, eventually: Eventually
) -> None:
    served_project.settings.private_folder.write_text("a file stands where the folder should be")
    served_project.promote("1")
    follower.start()
    eventually(lambda: follower.reasons()[0].startswith("The private folder of the service cannot be made: "))
    follower.stop()

    assert str(served_project.settings.root) not in follower.reasons()[0]


def test_a_locked_database_leaves_the_version_serving(served_project: Project, follower: Following) -> None:
    served_project.promote("1")
    follower.poll()
    served_project.database.write_bytes(b"this is not a database" * 100)
    follower.poll()

    assert version_served(follower) == "1"
    assert follower.status.registry_reachable is False
    assert "Version 1 keeps serving." in follower.reasons()[0]


def test_the_thread_stops_promptly_and_can_be_started_again(
    served_project: Project, follower: Following, eventually: Eventually
) -> None:
    served_project.promote("1")
    for _ in range(2):
        before = follower.status.last_poll_at
        follower.start()
        # Until it has looked the watcher is a Python that starts, which on a busy machine takes longer than a second.
        eventually(partial(serves_after_another_look, follower, before))
        began = time.monotonic()
        follower.stop()
        assert time.monotonic() - began < 1.0
    assert not [thread for thread in threading.enumerate() if thread.name == "vouchml-follower"]


def test_a_look_that_does_not_end_is_a_reason(follower: Following, served_project: Project) -> None:
    served_project.promote("1")
    follower.poll()
    status = follower.status
    assert status.last_poll_at is not None
    follower.status = type(status)(
        problems=(),
        last_poll_at=status.last_poll_at.replace(year=status.last_poll_at.year - 1),
        registry_reachable=True,
    )

    assert "The last look at the registry ended" in follower.reasons()[0]
