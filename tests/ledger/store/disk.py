"""A disk between SQLite and the files: it writes down what is done to them, and fails when it is told to."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw

#: What a disk writes at once: a write that the power failed in has some of these and not others.
SECTOR: Final = 512


@dataclass(frozen=True)
class Write:
    """Bytes at a place of a file."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Cut:
    """A file made shorter."""

    file: str
    size: int


@dataclass(frozen=True)
class Removal:
    """A file removed, until its folder is synced perhaps not for good."""

    file: str


@dataclass(frozen=True)
class Sync:
    """All before it is on disk for one file."""

    file: str


@dataclass(frozen=True)
class SyncFolder:
    """What was removed so far stays removed."""


@dataclass(frozen=True)
class Acknowledged:
    """An append of so many records in all has returned."""

    size: int


Step = Write | Cut | Removal | Sync | SyncFolder | Acknowledged


@dataclass
class Disk:
    """What was done, in order, and from which step on everything fails."""

    steps: list[Step] = field(default_factory=list)
    fail_in: int | None = None
    lasts: int = 1
    kind: type[apsw.Error] = apsw.IOError

    def step(self) -> bool:
        """Count a step; whether it fails."""
        if self.fail_in is None:
            return False
        self.fail_in -= 1
        return -self.lasts <= self.fail_in < 0

    @property
    def has_failed(self) -> bool:
        return self.fail_in is not None and self.fail_in < 0


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int], *, is_new: bool) -> None:
        super().__init__("unix", name, flags)
        path = name if isinstance(name, str) else name.filename()
        self._disk, self._name = disk, Path(path).name
        # SQLite syncs the folder with the first sync of a journal that it has made.
        self._is_new_journal = is_new and self._name.endswith(("-wal", "-journal"))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._disk.step():
            super().xWrite(data[: len(data) // 2], offset)
            raise self._disk.kind("as the test says")
        super().xWrite(data, offset)
        self._disk.steps.append(Write(self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._disk.steps.append(Cut(self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._disk.step():
            raise apsw.IOError("as the test says")
        super().xSync(flags)
        self._disk.steps.append(Sync(self._name))
        if self._is_new_journal:
            self._disk.steps.append(SyncFolder())
            self._is_new_journal = False


class _System(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        super().__init__("vouchml-test", "unix", makedefault=True)
        self._disk = disk

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name if isinstance(name, str) else name.filename()
        return _File(self._disk, name, flags, is_new=not Path(path).exists())

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._disk.steps.append(Removal(Path(filename).name))
        if syncdir:
            self._disk.steps.append(SyncFolder())


@contextmanager
def watched_disk() -> Iterator[Disk]:
    """Every connection that is opened meanwhile goes through the disk."""
    disk = Disk()
    system = _System(disk)
    try:
        yield disk
    finally:
        system.unregister()


Files = dict[str, bytes]


def crashes(before: Files, steps: Sequence[Step], seed: int) -> Iterator[tuple[int, int, Files]]:
    """What may be on the disk when the power fails after each step, each such content once.

    After each step: everything written so far; only what was synced; and what was synced with some sectors of what was
    not. Yielded are the number of steps, the size of the last acknowledged append, and the files.
    """
    chance = random.Random(seed)
    written, synced = dict(before), dict(before)
    waiting: dict[str, list[Write | Cut]] = {}
    acknowledged = 0
    removed: set[str] = set()
    seen: set[int] = set()
    for number, step in enumerate(steps, 1):
        if isinstance(step, Acknowledged):
            acknowledged = step.size
        elif isinstance(step, Sync):
            synced[step.file] = written.get(step.file, b"")
            waiting[step.file] = []
        elif isinstance(step, Removal):
            written.pop(step.file, None)
            removed.add(step.file)
        elif isinstance(step, SyncFolder):
            for name in removed:
                synced.pop(name, None)
                waiting.pop(name, None)
            removed.clear()
        else:
            removed.discard(step.file)
            written[step.file] = _after(written.get(step.file, b""), step)
            waiting.setdefault(step.file, []).append(step)
        torn = {
            name: _torn(synced.get(name, b""), waiting.get(name, ()), chance)
            for name in sorted({*synced, *waiting})
            if name not in removed or chance.random() < 0.5
        }
        for files in (written, synced, torn):
            content = hash((acknowledged, *sorted(files.items())))
            if content not in seen:
                seen.add(content)
                yield number, acknowledged, dict(files)


def _torn(content: bytes, steps: Sequence[Write | Cut], chance: random.Random) -> bytes:
    for step in steps:
        if isinstance(step, Cut):
            content = _after(content, step) if chance.random() < 0.5 else content
            continue
        for start in range(0, len(step.data), SECTOR):
            if chance.random() < 0.5:
                part = step.data[start : start + SECTOR]
                content = _after(content, Write(step.file, step.offset + start, part))
    return content


def _after(content: bytes, step: Write | Cut) -> bytes:
    if isinstance(step, Cut):
        return content[: step.size].ljust(step.size, b"\0")
    end = step.offset + len(step.data)
    return content[: step.offset].ljust(step.offset, b"\0") + step.data + content[end:]


def read_files(folder: Path) -> Files:
    """The files of a folder that survive a crash: not the index of the write-ahead log, which is memory."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def write_files(folder: Path, files: Files) -> None:
    """Let the folder have these files and no others."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
