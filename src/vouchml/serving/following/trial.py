"""Load a version for the first time in a process of its own, which is killed when it takes too long.

A graph may loop for ever, end its process or take all memory. Whatever it does to the process that tries it, the
watcher goes on, and no worker is told of a version that has not been loaded once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from vouchml.errors import BundleInvalid, DependencyMissing, LoadTooSlow, VouchError
from vouchml.model import Bundle
from vouchml.serving.following.state import Assignment

LONGEST_REPORT: Final = 4000
_REFUSALS: Final[dict[str, type[VouchError]]] = {each.code: each for each in (BundleInvalid, DependencyMissing)}


def try_to_load(bundle: Bundle, assignment: Assignment, *, stage: str, seconds: float) -> None:
    """Load `bundle` as a worker would, within `seconds`, in another process.

    Raises:
        BundleInvalid, DependencyMissing: as `load_served_model`, or it ended the process that tried it.
        LoadTooSlow: it took longer.
    """
    described = {
        "folder": str(bundle.folder),
        "assignment": assignment.model_dump(mode="json"),
        "stage": stage,
        "seconds": seconds,
    }
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "vouchml.serving.following.trial_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,  # so that nothing is left to write to one that has ended
    ) as trial:
        try:
            # Its input stays open: by its end the trial sees that nobody waits for it any more.
            _tell(trial, json.dumps(described).encode() + b"\n")
            trial.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LoadTooSlow(
                f"It was not loaded within {seconds:g} s, and was given up.",
                remedy="Find out what its model does for so long, or raise [serving] load_seconds.",
            ) from None
        finally:
            trial.kill()
            trial.wait()
        assert trial.stdout is not None  # noqa: S101 - it is a pipe
        _raise_refusal(trial.returncode, trial.stdout.read(LONGEST_REPORT))


def _tell(trial: subprocess.Popen[bytes], line: bytes) -> None:
    assert trial.stdin is not None  # noqa: S101 - it is a pipe
    try:
        trial.stdin.write(line)
        trial.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended already, and its status says how


def _raise_refusal(status: int, report: bytes) -> None:
    """Raise what the trial has said about the version; it says nothing about one that it could load."""
    if status == 0 and not report:
        return
    try:
        said: Any = json.loads(report)
        raise _REFUSALS[said["code"]](said["message"], remedy=said["remedy"])
    except (ValueError, KeyError, TypeError):
        raise BundleInvalid(
            f"Loading it ended the process that tried it (exit status {status}).",
            remedy="The log may say more. Train the version again.",
        ) from None
