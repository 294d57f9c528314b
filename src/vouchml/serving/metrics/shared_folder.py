"""The folder in which the workers of a service count: one file a worker, and one for all that have ended.

Workers come and go for months, so the counts of the dead are folded into `<run>-retired.bin` and their files removed.
Whoever starts or is scraped does that. Nobody waits for anybody: the lock keeps two from folding at once, and a
reader needs none, because a fold shows in two ways that it can see. The retired file has a number that grows with each
fold, and names the files that it holds already, should the one who folded have died before it removed them.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vouchml.serving.metrics.counter_file import (
    FILE_MODE,
    UNFINISHED,
    CounterFile,
    Counters,
    Note,
    is_alive,
    read_file,
    write_file,
)
from vouchml.serving.metrics.layout import Layout
from vouchml.serving.metrics.run import is_run

FOLDER_MODE: Final = 0o700
LOCK_FILE: Final = "lock"
_RETIRED: Final = "retired"
_NAME: Final = re.compile(r"(?P<run>[0-9A-Za-z]{1,64})-(?P<worker>\d+-[0-9a-f]{8}|retired)\.bin\Z")
_ABANDONED_SECONDS: Final = 60.0
# The names of one fold must fit the header of the retired file.
_FOLDED_AT_ONCE: Final = 64


@dataclass(frozen=True, eq=False)
class Totals:
    """The sums over workers, and the notes of those that live."""

    values: list[float]
    living: tuple[Note, ...]


@dataclass(frozen=True, eq=False)
class _Retired:
    """The sums over workers that have ended, how many folds made it, and the workers of the last one."""

    values: list[float]
    fold: int
    workers: frozenset[str]


class SharedFolder:
    """The counter files of one run of a service in `folder`."""

    def __init__(self, folder: Path, run: str, layout: Layout) -> None:
        if not is_run(run):
            raise ValueError("the name of a run has up to 64 letters and digits")
        self._folder = folder
        self._run = run
        self._layout = layout

    def prepare(self) -> None:
        """Make the folder, remove what earlier runs left, and fold the workers of this run that have ended.

        Raises:
            OSError: the folder cannot be made or read.
        """
        for missing in reversed([place for place in (self._folder, *self._folder.parents) if not place.exists()]):
            missing.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if self._folder.stat().st_mode & 0o777 != FOLDER_MODE:
            self._folder.chmod(FOLDER_MODE)
        self._remove_unfinished()
        self._remove_earlier_runs()
        self.fold()

    def new_worker_file(self, values: list[float], note: Note) -> CounterFile:
        """A file for the worker that this process is, which begins with `values`.

        Raises:
            OSError: it cannot be made.
        """
        # A process number comes again, and may be the same in two containers; the rest of the name does not.
        name = f"{self._run}-{os.getpid()}-{secrets.token_hex(4)}.bin"
        return CounterFile.create(self._folder / name, self._layout, values=values, note=note)

    def totals(self) -> Totals:
        """The sums as they are now: every worker is counted once, also one that is being folded meanwhile.

        Raises:
            OSError: the folder or a file in it cannot be read; sums without it would have fallen.
        """
        while True:
            retired = self._retired()
            found = [
                counters
                for worker, path in self._workers()
                if worker not in retired.workers and (counters := read_file(path, self._layout)) is not None
            ]
            # A fold in between may have taken a file that was read or was about to be. A fold takes the death of a
            # worker, so this ends.
            if self._retired().fold == retired.fold:
                break
        values = retired.values
        for counters in found:
            values = _sum(values, self._lasting(counters))
        return Totals(values, tuple(counters.note for counters in found if counters.alive))

    def fold(self) -> None:
        """Put the counts of the workers that have ended into the retired file; leave it if somebody is about it.

        Where it cannot be done, as on a full disk, the files stay, and the sums are as right as before.
        """
        if not any(not is_alive(path) for _, path in self._workers()):
            return
        with suppress(OSError), self._folding() as alone:
            while alone and self._fold_some():
                pass

    def _fold_some(self) -> bool:
        """Fold as many as one note can name; whether there were any."""
        if not self._can_fold():
            return False
        retired = self._retired()
        dead: dict[str, Counters] = {}
        for worker, path in self._workers():
            if worker in retired.workers:
                path.unlink(missing_ok=True)  # what the last one who folded did not come to
            elif len(dead) < _FOLDED_AT_ONCE:
                counters = read_file(path, self._layout)
                if counters is not None and not counters.alive:
                    dead[worker] = counters
        if not dead:
            return False
        values = retired.values
        for counters in dead.values():
            values = _sum(values, self._lasting(counters))
        note = {"run": self._run, "fold": retired.fold + 1, "workers": sorted(dead)}
        write_file(self._path(_RETIRED), self._layout, values=values, note=note)
        for worker in dead:
            self._path(worker).unlink(missing_ok=True)
        return True

    def _can_fold(self) -> bool:
        # A retired file that we cannot read is one of another release in the same run: its sums are not ours to end.
        path = self._path(_RETIRED)
        return not path.exists() or read_file(path, self._layout) is not None

    def _lasting(self, counters: Counters) -> list[float]:
        return counters.values if counters.alive else self._layout.without_gauges(counters.values)

    def _retired(self) -> _Retired:
        counters = read_file(self._path(_RETIRED), self._layout)
        if counters is None:
            return _Retired([0.0] * self._layout.slots, 0, frozenset())
        return _Retired(counters.values, counters.note.get("fold", 0), frozenset(counters.note.get("workers", ())))

    def _workers(self) -> Iterator[tuple[str, Path]]:
        for run, worker, path in self._files():
            if run == self._run and worker != _RETIRED:
                yield worker, path

    def _files(self) -> list[tuple[str, str, Path]]:
        """Run, worker and path of every file whose name is one of ours, in the order of names."""
        try:
            paths = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return []
        matches = [(_NAME.match(path.name), path) for path in paths]
        return [(match["run"], match["worker"], path) for match, path in matches if match is not None]

    def _path(self, worker: str) -> Path:
        return self._folder / f"{self._run}-{worker}.bin"

    def _remove_earlier_runs(self) -> None:
        # A run with a living worker is not over: another service may use the folder, or an old one be on its way out.
        files = self._files()
        over = {run for run, _, _ in files} - {self._run} - {run for run, _, path in files if is_alive(path)}
        for run, _, path in files:
            if run in over:
                with suppress(OSError):  # another worker removes it as well, or it is something else of that name
                    path.unlink()

    def _remove_unfinished(self) -> None:
        for path in self._folder.glob(f"{UNFINISHED}*"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()

    @contextmanager
    def _folding(self) -> Iterator[bool]:
        """Hold the lock if it is free, and say whether it was."""
        descriptor = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            try:
                yield True
            finally:
                # Said aloud: a child that was forked meanwhile has the descriptor too, and would keep the lock.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)


def _sum(left: list[float], right: list[float]) -> list[float]:
    return [one + other for one, other in zip(left, right, strict=True)]
