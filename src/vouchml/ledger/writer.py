"""Write records by the group, off the event loop: whoever waits for a record waits for the commit of its group.

While one group is written, the next one gathers, and then until no more comes at once. So a lone request waits for one
commit, and a busy service pays for one commit with many. A group has about `GROUP_RECORDS` records at most, and a
request of more than that is a group of its own: other workers wait for the end of a transaction. All state but the
store belongs to the event loop; a thread owns the store and gets whole groups.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from vouchml.errors import LedgerUnavailable, VouchError
from vouchml.ledger.checkpoint_schedule import CheckpointSchedule
from vouchml.ledger.record import Record, RecordType, event, time_text
from vouchml.ledger.store.base import LedgerStore

TICK_SECONDS: Final = 0.5
REOPEN_SECONDS: Final = 0.5
#: Turns of the event loop without a new request after which a group is handed over, and the requests that are enough.
PATIENCE: Final = 1
GROUP_REQUESTS: Final = 512
NOTES_HELD: Final = 1_000
STOP_WITHIN_SECONDS: Final = 10.0
HAND_OVER_SECONDS: Final = 1.0
#: A group takes requests until it has so many records: what one transaction writes while others wait.
GROUP_RECORDS: Final = 4_096


@dataclass(frozen=True)
class WriterState:
    """How the ledger is, for `/health`: the problem, if there is one, its records, and whether its head is signed."""

    problem: str = "The ledger has not been opened yet."
    size: int | None = None
    is_signed: bool = True


@dataclass(slots=True)
class _Missed:
    """Answers that left unrecorded since a time."""

    since: str
    records: int = 0


@dataclass(slots=True)
class _Group:
    records: list[Record] = field(default_factory=list)
    waiting: list[asyncio.Future[bool]] = field(default_factory=list)


@dataclass(slots=True)
class _Gathered:
    """The groups that wait for their turn. Of the event loop."""

    short: deque[_Group] = field(default_factory=deque)
    long: deque[_Group] = field(default_factory=deque)
    is_long_next: bool = False

    def add(self, records: Sequence[Record], future: asyncio.Future[bool]) -> None:
        """Let a request wait, behind those of its kind."""
        groups = self.short if len(records) <= GROUP_RECORDS else self.long
        if not groups or len(groups[-1].records) + len(records) > GROUP_RECORDS:
            groups.append(_Group())
        group = groups[-1]
        group.records += records
        group.waiting.append(future)

    def take(self) -> _Group:
        """The next group. Short requests go before a long one, but only once, so that it has its turn too."""
        if self.long and (self.is_long_next or not self.short):
            self.is_long_next = False
            return self.long.popleft()
        self.is_long_next = bool(self.long)
        return self.short.popleft()


class LedgerWriter:
    """The writer of one worker. `open_ledger` is called by its thread, again after every failure.

    `serves_unrecorded`: what cannot be recorded is answered all the same, and counted in a `gap` record later.
    `on_commit` is told the records and the seconds of each commit, `on_failure` of each that failed, by the thread.
    """

    def __init__(
        self,
        open_ledger: Callable[[], tuple[LedgerStore, CheckpointSchedule]],
        *,
        worker: str,
        serves_unrecorded: bool = False,
        on_commit: Callable[[int, float], None] = lambda _records, _seconds: None,
        on_failure: Callable[[LedgerUnavailable], None] = lambda _: None,
    ) -> None:
        self.state = WriterState()
        self._open_ledger = open_ledger
        self._worker = worker
        self.serves_unrecorded = serves_unrecorded
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._handed: SimpleQueue[_Group | None] = SimpleQueue()
        self._notes: SimpleQueue[Record] = SimpleQueue()
        # Of the event loop:
        self._gathered = _Gathered()
        self._not_handed_over = 0
        self._is_writing = False
        self._is_busy = False
        # Of the thread:
        self._opened: tuple[LedgerStore, CheckpointSchedule] | None = None
        self._held: list[Record] = []
        self._missed: _Missed | None = None
        self._open_again_at = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to write."""
        self._loop = loop
        self._thread = Thread(target=self._run, name="vouchml-ledger", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, sign the end, and close the store. Called off the loop; what comes later is refused."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._handed.put(None)
            thread.join(STOP_WITHIN_SECONDS)

    def enlist(self, records: Sequence[Record]) -> asyncio.Future[bool]:
        """Have `records` written; the future ends with their commit. Called on the event loop.

        It gives True, or False when they could not be recorded and the settings say to answer all the same. It raises
        LedgerUnavailable when they could not be recorded.

        Raises:
            LedgerUnavailable: the writer was never started, or has been stopped.
        """
        loop = self._loop
        if loop is None or self._thread is None:
            raise LedgerUnavailable("The ledger is not open.", remedy="Run the app with its lifespan.")
        future: asyncio.Future[bool] = loop.create_future()
        self._gathered.add(records, future)
        self._not_handed_over += 1
        if not self._is_writing:
            self._is_writing = True
            if self._is_busy:
                loop.call_soon(self._wait_for_more, self._not_handed_over, PATIENCE)
            else:
                self._hand_over()
        return future

    def note(self, record: Record) -> None:
        """Have `record` written before all that is enlisted later; nobody waits for it. Called from any thread."""
        self._notes.put(record)
        self._handed.put(_Group())

    def _wait_for_more(self, seen: int, turns: int) -> None:
        """Hand the next group over when so many turns of the loop have brought nothing to it.

        Those who have just been answered ask again at once: a commit for all of them costs hardly more than one for a
        few.
        """
        waiting = self._not_handed_over
        if (waiting == seen and not turns) or waiting >= GROUP_REQUESTS:
            self._hand_over()
            return
        turns = turns - 1 if waiting == seen else PATIENCE
        assert self._loop is not None  # noqa: S101 - it has called this
        self._loop.call_soon(self._wait_for_more, waiting, turns)

    def _hand_over(self) -> None:
        group = self._gathered.take()
        self._is_busy = len(group.waiting) > 1
        self._handed.put(group)
        # Only now: the thread that stops must see the requests here or in the queue.
        self._not_handed_over -= len(group.waiting)

    def _written(self, group: _Group, error: LedgerUnavailable | None) -> None:
        """On the event loop: the group is on disk, or is not."""
        for future in group.waiting:
            if future.done():  # whoever waited has gone
                continue
            if error is None:
                future.set_result(True)
            elif self.serves_unrecorded:
                future.set_result(False)
            else:
                future.set_exception(LedgerUnavailable(error.message, remedy=error.remedy))
        if not self._not_handed_over:
            self._is_writing = False
        elif self._is_busy and self._loop is not None:
            self._loop.call_soon(self._wait_for_more, 0, PATIENCE)
        else:
            self._hand_over()

    def _run(self) -> None:
        # The first look does not wait for a request: a ledger that cannot be opened shows in `/health`.
        self._write(_Group())
        while True:
            try:
                group = self._handed.get(timeout=TICK_SECONDS)
            except Empty:
                group = _Group()
            if group is None:
                break
            self._write(group)
        # What gathered while the last group was written is handed over by the event loop, soon.
        while self._not_handed_over or not self._handed.empty():
            try:
                group = self._handed.get(timeout=HAND_OVER_SECONDS)
            except Empty:
                break
            if group is not None:
                self._write(group)
        self._append([], is_last=True)
        self._close()

    def _write(self, group: _Group) -> None:
        error = self._append(group.records)
        if error is not None and self.serves_unrecorded:
            self._missed = self._missed or _Missed(time_text(datetime.now(UTC)))
            self._missed.records += len(group.records)
        if group.waiting and self._loop is not None:
            self._loop.call_soon_threadsafe(self._written, group, error)

    def _append(self, records: list[Record], *, is_last: bool = False) -> LedgerUnavailable | None:
        """Append what is held back and `records`, and sign the head if it is time; the error, if that fails."""
        self._hold_notes()
        missed = [_gap(self._missed, self._worker)] if self._missed is not None and self._missed.records else []
        whole = [*missed, *self._held, *records]
        if self._opened is None and time.monotonic() < self._open_again_at and not is_last:
            # What is refused meanwhile must not put off the next try, or a busy service would never try again.
            unavailable = LedgerUnavailable(self.state.problem)
            self._on_failure(unavailable)
            return unavailable
        began = time.perf_counter()
        try:
            store, signer = self._open()
            if not (whole or is_last or signer.is_late()):
                return None
            appended = store.append(whole, sign=signer.final if is_last else signer.due)
        except VouchError as error:
            return self._failed(error)
        # Whatever a store comes up with: if this thread ended, those who wait would wait for ever.
        except Exception as error:  # noqa: BLE001
            return self._failed(LedgerUnavailable("The ledger cannot be written; the log says why."), cause=error)
        self._held.clear()
        self._missed = None
        self.state = WriterState("", appended.size, signer.signs)
        if whole:
            self._on_commit(len(whole), time.perf_counter() - began)
        return None

    def _failed(self, error: VouchError, cause: Exception | None = None) -> LedgerUnavailable:
        unavailable = LedgerUnavailable(error.message, remedy=error.remedy)
        unavailable.__cause__ = cause
        self.state = WriterState(error.message, self.state.size)
        self._open_again_at = time.monotonic() + REOPEN_SECONDS
        self._on_failure(unavailable)
        self._close()
        return unavailable

    def _hold_notes(self) -> None:
        while len(self._held) < NOTES_HELD:
            try:
                self._held.append(self._notes.get_nowait())
            except Empty:
                return

    def _open(self) -> tuple[LedgerStore, CheckpointSchedule]:
        """The store, opened when it is not.

        Raises:
            LedgerUnavailable: it cannot be opened.
        """
        if self._opened is None:
            self._opened = self._open_ledger()
            self.state = WriterState("", self.state.size, self._opened[1].signs)
        return self._opened

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(VouchError):  # it has failed already
                opened[0].close()


def _gap(missed: _Missed, worker: str) -> Record:
    """The record of answers that left without one."""
    fields = {"records": missed.records, "since": missed.since, "worker": worker}
    return event(RecordType.GAP, fields, time=datetime.now(UTC))
