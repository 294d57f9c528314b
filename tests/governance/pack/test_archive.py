"""The file of a pack: its bytes depend on its content alone, and a broken or odd one is refused."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import pytest

from vouchml.errors import PackInvalid
from vouchml.governance.pack.archive import pack_bytes, read_pack

FILES = {"index.json": b"{}", "evidence/model.sig": bytes(range(256)) * 40}


def written(path: Path, *entries: tuple[str, bytes]) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # of a name that stands twice, which is what is tried
        for name, content in entries:
            archive.writestr(name, content)
    return path


def test_what_was_packed_is_read(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(pack_bytes(FILES))
    assert read_pack(tmp_path / "pack.zip") == FILES


def test_the_same_files_give_the_same_bytes_in_whatever_order() -> None:
    assert pack_bytes(FILES) == pack_bytes(dict(reversed(FILES.items())))


@pytest.mark.parametrize("name", ["../out", "/root", "a/../../b", "a\\b", "a//b", "./a", "line\nbreak", "folder/"])
def test_a_path_that_is_not_plain_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackInvalid, match="not plain"):
        read_pack(written(tmp_path / "pack.zip", (name, b"")))


def test_a_file_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackInvalid, match="twice"):
        read_pack(written(tmp_path / "pack.zip", ("a", b"1"), ("a", b"2")))


def test_what_is_no_archive_and_a_cut_one_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "pack.zip"
    whole = pack_bytes(FILES)
    for content in (b"", b"PK", b"not an archive", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(PackInvalid):
            read_pack(file)
    with pytest.raises(PackInvalid, match="cannot be read"):
        read_pack(tmp_path / "nowhere.zip")


def test_bytes_that_rotted_inside_the_archive_are_found(tmp_path: Path) -> None:
    file = tmp_path / "pack.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", b"whole content")
    file.write_bytes(buffer.getvalue().replace(b"whole content", b"wrong content"))
    with pytest.raises(PackInvalid, match="broken"):
        read_pack(file)
