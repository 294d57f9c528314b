"""The model digest against a computation of its own, and against what the model-signing package computes."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.errors import BundleInvalid
from vouchml.model import Bundle, model_digest

# Names that sort another way as text than part by part: "/" comes after " " and "." and before letters.
TREE = {
    "a/b": b"1",
    "a.b": b"2",
    "a b": b"3",
    "ab": b"4",
    "A": b"5",
    "a/b.c/d": b"6",
    "ä": b"7",
    ".hidden": b"8",
    ".git/x": b"9",
    "a/B": b"",
    "z/z/z": bytes(70_000),
}
# The subject that model-signing 1.1.1 gives to a model of these files, none of them ignored.
TREE_ROOT = "7279cb40382e8c675b1837452dcf43a017adca2b7519ad1767032dba0b80230f"

parts = st.text("aAb. -_é测", min_size=1, max_size=3).filter(lambda part: part not in (".", ".."))


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def root_of(files: dict[str, bytes]) -> str:
    """OpenSSF Model Signing v1.0: hash each file, order by the parts of its path, hash the hashes."""
    ordered = sorted(files, key=lambda name: name.split("/"))
    return hashlib.sha256(b"".join(hashlib.sha256(files[name]).digest() for name in ordered)).hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "tree", TREE)


def test_the_digest_is_the_root_that_model_signing_computes(tree: Path) -> None:
    assert model_digest(tree) == root_of(TREE) == TREE_ROOT


def test_the_digest_of_a_version_is_that_of_its_files(bundle: Bundle) -> None:
    files = {
        path.relative_to(bundle.folder).as_posix(): path.read_bytes()
        for path in bundle.folder.rglob("*")
        if path.is_file()
    }
    assert {"MLmodel", "contract.json", "model.onnx", "model.skops"} <= files.keys()
    assert bundle.digest == root_of(files)


@given(st.dictionaries(st.lists(parts, min_size=1, max_size=3).map("/".join), st.binary(max_size=8), min_size=1))
def test_any_tree_has_the_root_of_the_specification(files: dict[str, bytes]) -> None:
    folders = {name.rpartition("/")[0] for name in files} | {name.split("/")[0] for name in files if "/" in name}
    plain = {name: content for name, content in files.items() if name not in folders}
    with TemporaryDirectory() as folder:
        assert model_digest(write(Path(folder), plain)) == root_of(plain)


def add_a_file(tree: Path) -> None:
    (tree / "zz").write_bytes(b"1")


def add_an_empty_file(tree: Path) -> None:
    (tree / "a" / "C").write_bytes(b"")


def remove_a_file(tree: Path) -> None:
    (tree / "A").unlink()


def remove_an_empty_file(tree: Path) -> None:
    (tree / "a" / "B").unlink()


def change_a_byte(tree: Path) -> None:
    (tree / "z" / "z" / "z").write_bytes(bytes(69_999) + b"\1")


def cut_a_byte_off(tree: Path) -> None:
    (tree / "z" / "z" / "z").write_bytes(bytes(69_999))


def rename_a_file(tree: Path) -> None:
    (tree / "a.b").rename(tree / "zzz")


def move_a_file(tree: Path) -> None:
    (tree / "a b").rename(tree / "z" / "a b")


def swap_two_files(tree: Path) -> None:
    (tree / "A").rename(tree / "spare")
    (tree / "ab").rename(tree / "A")
    (tree / "spare").rename(tree / "ab")


@pytest.mark.parametrize(
    "change",
    [
        add_a_file,
        add_an_empty_file,
        remove_a_file,
        remove_an_empty_file,
        change_a_byte,
        cut_a_byte_off,
        rename_a_file,
        move_a_file,
        swap_two_files,
    ],
)
def test_every_change_of_the_files_changes_the_digest(tree: Path, change: Callable[[Path], None]) -> None:
    change(tree)
    assert model_digest(tree) != TREE_ROOT


def test_a_name_counts_by_its_place_in_the_order_only_as_the_specification_has_it(tree: Path) -> None:
    (tree / "z" / "z" / "z").rename(tree / "z" / "z" / "y")
    assert model_digest(tree) == TREE_ROOT


def test_times_permissions_and_empty_folders_do_not_count(tree: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "A").chmod(0o400)
    os.utime(tree / "ab", (0, 0))
    assert model_digest(tree) == TREE_ROOT


def link_to_a_file(tree: Path) -> None:
    (tree / "odd").symlink_to(tree / "A")


def link_to_a_folder(tree: Path) -> None:
    (tree / "a" / "odd").symlink_to(tree / "z")


def link_to_nothing(tree: Path) -> None:
    (tree / "odd").symlink_to("nowhere")


def link_out_of_the_folder(tree: Path) -> None:
    (tree.parent / "outside").write_bytes(b"5")
    (tree / "A").unlink()
    (tree / "A").symlink_to("../outside")


def pipe(tree: Path) -> None:
    os.mkfifo(tree / "odd")


def listening_socket(tree: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(Path(os.path.relpath(tree)) / "odd"))


@pytest.mark.parametrize(
    "add", [link_to_a_file, link_to_a_folder, link_to_nothing, link_out_of_the_folder, pipe, listening_socket]
)
def test_what_is_not_a_plain_file_is_refused_by_name(
    tree: Path, add: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)  # a socket's path must be short
    add(tree)
    with pytest.raises(BundleInvalid, match=r"holds (a/)?(odd|A),") as caught:
        model_digest(tree)
    assert str(tree) not in caught.value.message
    assert caught.value.remedy


def test_a_folder_without_files_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BundleInvalid, match="no files"):
            model_digest(folder)
