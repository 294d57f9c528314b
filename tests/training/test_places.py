"""Whether a training can write is found out before it works, and nothing is made to find out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

# pytest puts the folder of a test on the path, not the repository that `tests.permissions` is found from.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.permissions import without_rights

from vouchml.errors import FolderNotWritable
from vouchml.settings import DataSettings, ProjectSettings, Settings
from vouchml.training.places import artifact_root, require_writable, spare_room


def project(root: Path, **places: str) -> Settings:
    return Settings(
        project=ProjectSettings(registered_model="m", experiment="an experiment", **places),
        data=DataSettings(path="t.csv", target="t", positive_class="1"),
        root=root,
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own is closed to other users."""
    folder = Path(mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_looking_makes_nothing(tmp_path: Path) -> None:
    require_writable(project(tmp_path, tracking_uri="sqlite:///deep/down/mlflow.db", artifacts="far/away"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["mlruns", "mlruns/an_experiment", "store"])
def test_a_file_in_the_way_is_told(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("in the way")
    with pytest.raises(FolderNotWritable, match="cannot be written: Not a directory") as caught:
        require_writable(project(tmp_path, tracking_uri="sqlite:///store/mlflow.db"))
    assert caught.value.remedy


@pytest.mark.parametrize("place", [".", "mlruns", "mlruns/an_experiment"])
def test_a_folder_that_may_not_be_written_is_told(open_folder: Path, place: str) -> None:
    settings = project(open_folder)
    folder = open_folder / place
    folder.mkdir(parents=True, exist_ok=True)
    for made in (open_folder, *open_folder.rglob("*")):
        made.chmod(0o777)
    with without_rights():
        require_writable(settings)
    folder.chmod(0o555)
    with without_rights(), pytest.raises(FolderNotWritable, match="Permission denied") as caught:
        require_writable(settings)
    assert str(folder) in caught.value.message
    folder.chmod(0o755)


def test_artifacts_of_another_place_are_looked_at_there(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("in the way")
    settings = project(tmp_path, artifacts=(tmp_path / "elsewhere").as_uri())
    assert artifact_root(settings) == f"{(tmp_path / 'elsewhere').as_uri()}/an_experiment"
    with pytest.raises(FolderNotWritable, match="elsewhere/an_experiment cannot be written"):
        require_writable(settings)


def test_an_mlflow_server_keeps_artifacts_where_it_wants(tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("in nobody's way")
    settings = project(tmp_path, tracking_uri="http://127.0.0.1:5000")
    assert artifact_root(settings) is None
    require_writable(settings)


def test_too_little_space_is_told_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vouchml.training.places.LEAST_FREE_MIB", 10**12)
    with pytest.raises(FolderNotWritable, match=r"MiB are left at .*; a training needs") as caught:
        require_writable(project(tmp_path))
    assert "Free some space" in caught.value.remedy


def test_spare_room_takes_space_without_a_name(tmp_path: Path) -> None:
    with spare_room(project(tmp_path)) as room:
        assert room.tell() >= 64 * 1024
        assert list(tmp_path.iterdir()) == []
