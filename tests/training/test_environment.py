import getpass
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

from vouchml.training import environment
from vouchml.training.environment import describe_environment, single_threaded_linear_algebra


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "a project"
    root.mkdir()
    git(root, "init", "-q")
    (root / "vouch.toml").write_text("[project]\n")
    git(root, "add", "vouch.toml")
    git(root, "commit", "-q", "-m", "one")
    return root


def test_a_committed_project_is_clean_and_named_by_its_commit(repository: Path) -> None:
    found = describe_environment(repository).git
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert found.state == "clean"


def test_an_untracked_file_does_not_make_it_dirty_and_a_change_does(repository: Path) -> None:
    (repository / "scratch.txt").write_text("x")
    assert describe_environment(repository).git.state == "clean"
    (repository / "vouch.toml").write_text("[data]\n")
    assert describe_environment(repository).git.state == "dirty"


def test_a_folder_that_git_does_not_know_has_no_commit(tmp_path: Path, repository: Path) -> None:
    assert describe_environment(tmp_path).git == environment.GitState(None, "none")
    untracked = repository / "inside"
    untracked.mkdir()
    (untracked / "vouch.toml").write_text("")
    assert describe_environment(untracked).git == environment.GitState(None, "none")


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert describe_environment(tmp_path).git == environment.GitState(None, "none")


def test_a_missing_git_is_no_error(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert describe_environment(repository).git.state == "none"


def test_a_git_that_hangs_is_given_up(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(environment, "_GIT_SECONDS", 0.2)
    assert describe_environment(repository).git.state == "none"


def test_a_hook_that_sets_git_dir_does_not_change_which_repository_is_described(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert describe_environment(repository).git.commit == commit


def test_the_lock_is_named_by_its_digest_or_not_at_all(tmp_path: Path) -> None:
    assert describe_environment(tmp_path).lock_sha256 is None
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "trainer.lock").write_bytes(b"numpy==2.4.6\n")
    assert describe_environment(tmp_path).lock_sha256 == hashlib.sha256(b"numpy==2.4.6\n").hexdigest()


def test_versions_and_threads_are_those_of_this_process(tmp_path: Path) -> None:
    found = describe_environment(tmp_path)
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.libraries["scikit-learn"] == sklearn.__version__
    assert set(environment.LIBRARIES) == set(found.libraries)
    assert any(pool.library == "openblas" and pool.architecture for pool in found.thread_pools)
    assert any(line.startswith("numpy==") for line in found.installed)


def test_thread_variables_are_recorded_as_numbers_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("MKL_NUM_THREADS", "/home/somebody")
    found = describe_environment(tmp_path).thread_variables
    assert found["OMP_NUM_THREADS"] == "4"
    assert found["MKL_NUM_THREADS"] == "not a number"


def test_tags_are_texts_and_leave_out_what_is_unknown(tmp_path: Path, repository: Path) -> None:
    tags = describe_environment(repository).as_tags()
    assert tags["vouch.git_state"] == "clean"
    assert re.fullmatch(r"[0-9a-f]{40}", tags["vouch.git_commit"])
    assert tags["vouch.scikit_learn"] == sklearn.__version__
    assert all(re.fullmatch(r"[\w.]+", name) and value for name, value in tags.items())
    assert "vouch.git_commit" not in describe_environment(tmp_path).as_tags()


def test_nothing_names_the_machine_the_user_or_a_path(repository: Path) -> None:
    found = describe_environment(repository)
    text = "\n".join([found.as_text(), json.dumps(found.to_dict()), json.dumps(found.as_tags())])
    assert str(Path.home()) not in text
    assert str(repository) not in text
    assert sys.prefix not in text
    assert "://" not in text
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)
    assert not re.search(rf"\b{re.escape(getpass.getuser())}\b", text)


def test_the_text_lists_each_distribution_once_in_order(tmp_path: Path) -> None:
    listed = describe_environment(tmp_path).as_text().split("# All installed distributions\n")[1].splitlines()
    names = [line.partition("==")[0].lower() for line in listed]
    assert names == sorted(names)
    assert len(listed) == len(set(listed))
    assert len(listed) > 50


def test_linear_algebra_uses_one_thread_inside_the_block_and_as_before_after_it() -> None:
    before = environment._thread_pools()
    with single_threaded_linear_algebra():
        assert {pool.threads for pool in environment._thread_pools()} == {1}
    assert environment._thread_pools() == before
