"""Which tests share a process when pytest runs in several: those of a file, and those of some folders.

The groups of `--dist loadgroup` would say the same, but with pytest 9.2 they group nothing: pytest-xdist 3.8 writes the
group into an attribute that pytest no longer reads. Each test was handed out by itself, so each process started every
service, browser and database that a file of tests shares.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# Those of `cli` share a `vouch up`. Two of `faults` at a time would leave too little of the machine for what they time.
TOGETHER = ("cli", "faults")
# What takes minutes; begun last, one process would be at it when the other has nothing left to do.
FIRST = (*TOGETHER, "stories")


class ByFileOrFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole files, and these folders as one."""

    def _split_scope(self, nodeid: str) -> str:
        return together_with(nodeid)


def together_with(nodeid: str) -> str:
    """The name of the tests that run in one process with this one, such as `cli` or `tests/trust/test_dsse.py`."""
    file = nodeid.partition("::")[0]
    folder = folder_of(file)
    return folder if folder in TOGETHER else file


def folder_of(file: str) -> str:
    """The folder below `tests`."""
    return PurePosixPath(file).parts[1]
