from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vouchml.errors import SigningKeyInvalid, SigningKeyNotFound, SigningKeyUnreadable
from vouchml.trust.signing_key import create_signing_key
from vouchml.trust.signing_key_file import load_signing_key, save_signing_key, signing_key_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return signing_key_path(tmp_path, "ada")


def test_a_key_is_saved_for_its_owner_alone_and_loaded_again(path: Path) -> None:
    key = create_signing_key("ed25519")
    before = os.umask(0)
    try:
        save_signing_key(path, key)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_signing_key(path) == key


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o601])
def test_a_key_that_others_could_have_read_or_changed_is_not_used(path: Path, mode: int) -> None:
    save_signing_key(path, create_signing_key("ed25519"))
    path.chmod(mode)
    with pytest.raises(SigningKeyUnreadable, match=f"open to other users of this machine \\(mode {mode:04o}\\)"):
        load_signing_key(path)


def test_a_key_that_a_cluster_mounts_as_a_link_for_a_group_is_used(path: Path) -> None:
    key = create_signing_key("p256")
    mounted = path.with_name("..data")
    mounted.write_bytes(key.to_pem())
    mounted.chmod(0o440)
    path.symlink_to(mounted.name)
    assert load_signing_key(path) == key


def test_a_missing_key_says_so_and_not_where_it_should_be(path: Path) -> None:
    with pytest.raises(SigningKeyNotFound, match="'ada' is not on this machine") as refusal:
        load_signing_key(path)
    assert str(path.parent) not in refusal.value.diagnostics()


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nsecret words\n-----END PRIVATE KEY-----\n"])
def test_a_broken_key_is_told_without_its_content(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SigningKeyUnreadable, match=r"ada\.pem is not a private key") as refusal:
        load_signing_key(path)
    assert "secret" not in refusal.value.diagnostics()


def test_a_folder_in_the_place_of_a_key_is_told(path: Path) -> None:
    path.mkdir()
    with pytest.raises(SigningKeyUnreadable, match="cannot be read"):
        load_signing_key(path)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../ada", "a/b", "-ada", ".ada", "a\0b", "ada\n", "a b", "é", "a" * 65]
)
def test_a_name_that_would_leave_the_folder_or_look_like_an_option_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SigningKeyInvalid, match="The name of a key"):
        signing_key_path(tmp_path, name)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_whatever_name_is_taken_is_a_file_in_the_folder(name: str) -> None:
    folder = Path("/keys")
    try:
        path = signing_key_path(folder, name)
    except SigningKeyInvalid:
        return
    assert Path(os.path.normpath(path)).parent == folder
    assert path.name == f"{name}.pem"
