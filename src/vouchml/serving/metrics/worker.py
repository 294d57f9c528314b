"""What one worker counts, in memory that all workers of the service can read.

```python
metrics = WorkerMetrics.open(settings.private_folder / "serving" / "metrics", run)
metrics.request("predict", 200, seconds)
```

A count is one addition to one float64 at a place that is looked up in a dictionary: no lock, no system call. So one
thread of a worker may count into a member of a series, and another thread into another; never two into the same.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vouchml.serving.logs import SERVING, log_event
from vouchml.serving.metrics.counter_file import CounterFile, Note
from vouchml.serving.metrics.layout import Layout
from vouchml.serving.metrics.run import service_run
from vouchml.serving.metrics.series import OTHER, SECONDS, TENTHS
from vouchml.serving.metrics.shared_folder import SharedFolder, Totals
from vouchml.settings import Settings

# Where the sum of a histogram is, after its buckets and the one without a bound.
_SUM_OF_SECONDS: Final = len(SECONDS) + 1
_SUM_OF_SCORES: Final = len(TENTHS) + 1


class ServedVersion(Protocol):
    """What a metric tells about a version."""

    @property
    def version(self) -> str:
        """Its number in the registry."""
        ...

    @property
    def model_digest(self) -> str:
        """The digest over its files."""
        ...


class WorkerMetrics:
    """The counters of this process.

    Where the folder cannot be written, as on a full disk, the worker counts in memory of its own and says so in the
    log; the next scrape of it tries again. A child that is forked off gets counters of its own, which begin at zero.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._layout = layout = Layout.of()
        self._folder = SharedFolder(folder, run, layout)
        self._served: list[dict[str, str]] = []
        self._file: CounterFile | None = None
        self._closed = self._told = self._ending = False
        self._sharing = threading.Lock()
        self._slots = _private_slots(layout)
        by_door: dict[str, dict[str, int]] = {}
        for (door, status), slot in layout.starts["vouch_requests_total"].items():
            by_door.setdefault(door, {})[status] = slot
        self._requests = {
            door: (
                {int(status): slot for status, slot in by_status.items() if status != OTHER},
                by_status[OTHER],
                layout.start("vouch_request_seconds", door),
            )
            for door, by_status in by_door.items()
        }
        self._rows = layout.by_value("vouch_rows_total")
        self._other_rows = self._rows[OTHER]
        self._refusals = layout.by_value("vouch_refusals_total")
        self._other_refusals = self._refusals[OTHER]
        self._reloads = layout.by_value("vouch_reloads_total")
        self._shadow = layout.by_value("vouch_shadow_total")
        self._canary = layout.by_value("vouch_canary_total")
        self._in_flight = layout.start("vouch_requests_in_flight")
        self._score = layout.start("vouch_score")
        self._out_of_range = layout.start("vouch_out_of_range_total")
        self._extra_columns = layout.start("vouch_extra_columns_total")
        self._ledger_records = layout.start("vouch_ledger_records_total")
        self._ledger_seconds = layout.start("vouch_ledger_commit_seconds")
        self._ledger_failures = layout.start("vouch_ledger_failures_total")

    @classmethod
    def open(cls, folder: Path, run: str) -> WorkerMetrics:
        """Begin to count for the service run `run` in `folder`, which is made when it is not there.

        What earlier runs left in the folder is removed.
        """
        metrics = cls(folder, run)
        metrics._share()
        # A process keeps its hooks to the end, so this one must not keep the counters.
        os.register_at_fork(after_in_child=partial(_begin_anew, weakref.ref(metrics)))
        return metrics

    @classmethod
    def of(cls, settings: Settings) -> WorkerMetrics:
        """Begin to count for the run that the environment names, in the project's private folder.

        Raises:
            SettingsInvalid: the environment names something that is not a run.
        """
        return cls.open(settings.private_folder / "serving" / "metrics", service_run(os.environ))

    def request(self, door: str, status: int, seconds: float) -> None:
        """A request was answered."""
        by_status, other, buckets = self._requests.get(door) or self._requests[OTHER]
        slots = self._slots
        slots[by_status.get(status, other)] += 1.0
        slots[buckets + bisect_left(SECONDS, seconds)] += 1.0
        slots[buckets + _SUM_OF_SECONDS] += seconds

    def in_flight(self, requests: int) -> None:
        """So many requests are under way now."""
        self._slots[self._in_flight] = requests

    def rows(self, door: str, rows: int) -> None:
        """So many rows were scored."""
        self._slots[self._rows.get(door, self._other_rows)] += rows

    def refusal(self, code: str) -> None:
        """A request was refused with the error that has this code."""
        self._slots[self._refusals.get(code, self._other_refusals)] += 1.0

    def score(self, probability: float) -> None:
        """The positive class was given this probability."""
        slots = self._slots
        if 0.0 <= probability <= 1.0:
            slots[self._score + bisect_left(TENTHS, probability)] += 1.0
            slots[self._score + _SUM_OF_SCORES] += probability
        else:
            # NaN would stay in the sum for ever. What is no probability is counted above the last bound.
            slots[self._score + len(TENTHS)] += 1.0

    def scores(self, probabilities: NDArray[np.float64]) -> None:
        """The positive class was given these probabilities, shape (rows,)."""
        valid = probabilities[(probabilities >= 0.0) & (probabilities <= 1.0)]
        counts = np.bincount(np.searchsorted(TENTHS, valid, side="left"), minlength=len(TENTHS) + 1)
        counts[len(TENTHS)] += len(probabilities) - len(valid)
        slots = self._slots
        for slot, count in enumerate(counts.tolist(), self._score):
            slots[slot] += count
        slots[self._score + _SUM_OF_SCORES] += float(valid.sum())

    def out_of_range(self, values: int) -> None:
        """So many values were outside the range that their feature had in training."""
        self._slots[self._out_of_range] += values

    def extra_columns(self, columns: int) -> None:
        """So many columns were passed over, since the model does not know them."""
        self._slots[self._extra_columns] += columns

    def reload(self, outcome: Literal["loaded", "refused"], times: int = 1) -> None:
        """A version was loaded or refused, so many times."""
        self._slots[self._reloads[outcome]] += times

    def shadow(self, outcome: Literal["agreed", "disagreed", "failed", "skipped"], rows: int) -> None:
        """The shadow version and the one that answered were compared on so many rows, or were not."""
        self._slots[self._shadow[outcome]] += rows

    def canary(self, arm: Literal["champion", "challenger"], requests: int) -> None:
        """So many requests fell to this arm."""
        self._slots[self._canary[arm]] += requests

    def ledger_commit(self, records: int, seconds: float) -> None:
        """The ledger has taken so many records at once. Called by the thread that writes it."""
        slots = self._slots
        slots[self._ledger_records] += records
        slots[self._ledger_seconds + bisect_left(SECONDS, seconds)] += 1.0
        slots[self._ledger_seconds + _SUM_OF_SECONDS] += seconds

    def ledger_failed(self) -> None:
        """The ledger could not be written. Called by the thread that writes it."""
        self._slots[self._ledger_failures] += 1.0

    def describe(self, served: Mapping[str, ServedVersion]) -> None:
        """This worker serves these versions now, by their roles."""
        self._served = [
            {"version": one.version, "model_digest": one.model_digest, "role": role} for role, one in served.items()
        ]
        if self._file is not None:
            self._file.write_note(self._note())

    def ending(self) -> None:
        """This worker is about to end."""
        self._ending = True
        if self._file is not None:
            self._file.write_note(self._note())

    def all_are_ending(self) -> bool:
        """Whether every living worker of the service is about to end; False where that cannot be told."""
        if self._file is None:
            return False
        with suppress(OSError):
            return all(note.get("ending") for note in self._folder.totals().living)
        return False

    def render(self) -> bytes:
        """The answer to a scrape: the sums over all workers of the run, in the format `CONTENT_TYPE`.

        A worker that counts for itself tries first not to, and else shows what it has.

        Raises:
            OSError: what the others have counted cannot be read.
        """
        from vouchml.serving.metrics.exposition import exposition

        # Two scrapes at once would both carry the counts so far into a file.
        with self._sharing:
            if self._file is None and not self._closed:
                self._share()
        if self._file is None and not self._closed:
            return exposition(Totals(list(self._slots), (self._note(),)), self._layout)
        self._folder.fold()
        return exposition(self._folder.totals(), self._layout)

    def close(self) -> None:
        """Stop counting for the service. What was counted stays in its sums."""
        self._closed = True
        self._leave()

    def _share(self) -> None:
        """Go on in a file that all workers read, or, where that cannot be, in memory of this process alone."""
        try:
            self._folder.prepare()
            file = self._folder.new_worker_file(list(self._slots), self._note())
        except OSError as error:
            if not self._told:
                log_event(
                    SERVING,
                    "metrics-not-shared",
                    level=logging.WARNING,
                    message="This worker counts for itself: only a scrape that it answers shows what it did.",
                    reason=error.strerror or "unknown error",
                )
            self._told = True
            return
        self._file, self._slots = file, file.slots
        if self._told:
            log_event(SERVING, "metrics-shared", message="What this worker counts is in the sums of all again.")
            self._told = False

    def _leave(self) -> None:
        file, self._file, self._slots = self._file, None, _private_slots(self._layout)
        if file is not None:
            file.close()

    def _note(self) -> Note:
        return {"pid": os.getpid(), "served": self._served, "ending": self._ending}


def _private_slots(layout: Layout) -> memoryview[float]:
    return memoryview(bytearray(8 * layout.slots)).cast("d")


def _begin_anew(reference: weakref.ref[WorkerMetrics]) -> None:
    metrics = reference()
    if metrics is not None and not metrics._closed:
        metrics._sharing = threading.Lock()  # the parent's may have been held
        metrics._leave()
        metrics._share()
