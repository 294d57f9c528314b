import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vouchml.errors import ChildStopped, FolderNotWritable
from vouchml.project.children import Children, last_lines
from vouchml.project.guard import signal_group

SLEEP = "import time; print('ready'); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(60)"
WITH_GRANDCHILD = (
    "import subprocess, sys; print('ready'); subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
)
BY_A_CHILD_THAT_LEFT = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print('ready')"
)


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start(children: Children, tmp_path: Path, code: str, name: str = "Worker") -> int:
    child = children.start(name, [sys.executable, "-c", code], cwd=tmp_path)
    until(lambda: "ready" in last_lines(child.log, 5))
    return child.group


@pytest.mark.parametrize("code", [SLEEP, WITH_GRANDCHILD, BY_A_CHILD_THAT_LEFT])
def test_leaving_ends_the_whole_group(tmp_path: Path, code: str) -> None:
    with Children(logs=tmp_path / "logs") as children:
        group = start(children, tmp_path, code)
        assert signal_group(group, 0)
    assert not signal_group(group, 0)


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vouchml.project.children.GRACE_SECONDS", 0.3)
    with Children(logs=tmp_path / "logs") as children:
        group = start(children, tmp_path, STUBBORN)
    assert not signal_group(group, 0)


def test_a_child_that_ends_by_itself_is_told_with_its_last_lines(tmp_path: Path) -> None:
    code = "import sys; print('\\n'.join(f'line {i}' for i in range(40))); sys.exit('the reason')"
    with Children(logs=tmp_path / "logs") as children:
        child = children.start("API", [sys.executable, "-c", code], cwd=tmp_path)
        child.process.wait()
        with pytest.raises(ChildStopped, match=r"API stopped by itself \(exit status 1\)") as stopped:
            children.check()
    assert "line 39" in stopped.value.remedy
    assert "line 3\n" not in stopped.value.remedy
    assert "the reason" in stopped.value.remedy
    assert str(tmp_path / "logs" / "api.log") in stopped.value.remedy


def test_a_child_that_is_killed_is_told_with_the_signal(tmp_path: Path) -> None:
    with Children(logs=tmp_path / "logs") as children:
        group = start(children, tmp_path, SLEEP)
        os.kill(group, signal.SIGKILL)
        children.running[0].process.wait()
        with pytest.raises(ChildStopped, match="signal SIGKILL"):
            children.check()


def test_logs_are_private(tmp_path: Path) -> None:
    with Children(logs=tmp_path / ".vouch" / "logs") as children:
        start(children, tmp_path, SLEEP)
    assert (tmp_path / ".vouch").stat().st_mode & 0o077 == 0
    assert (tmp_path / ".vouch" / "logs").stat().st_mode & 0o077 == 0


def test_logs_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderNotWritable, match="cannot be written"), Children(logs=tmp_path / "file" / "logs"):
        pass


def test_a_file_of_the_project_does_not_stand_in_for_a_library(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    with Children(logs=tmp_path / "logs") as children:
        start(children, tmp_path, f"import json; {SLEEP}")
        children.check()


PARENT = """
import sys, time
from pathlib import Path
from vouchml.project.children import Children
with Children(logs=Path("logs")) as children:
    child = children.start("Worker", [sys.executable, "-c", sys.argv[1]], cwd=Path())
    print(child.group, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("code", [SLEEP, WITH_GRANDCHILD])
def test_children_do_not_outlive_a_parent_that_is_killed(tmp_path: Path, code: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, code], cwd=tmp_path, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    group = int(parent.stdout.readline())
    until(lambda: "ready" in last_lines(tmp_path / "logs" / "worker.log", 5))
    parent.kill()
    parent.wait()
    until(lambda: not signal_group(group, 0))
    parent.stdout.close()
