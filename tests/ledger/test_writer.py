"""The writer on a real ledger in a file: groups, their order, what stops and fails it, and what is left out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import apsw
import pytest
from tests.ledger.store.made_up import prediction, predictions

from vouchml.errors import LedgerUnavailable
from vouchml.ledger.checkpoint import SignerKey, verify_note
from vouchml.ledger.checkpoint_schedule import CheckpointSchedule
from vouchml.ledger.record import Record, RecordType, event
from vouchml.ledger.store import LedgerStore, create_store, open_store, sqlite_connection
from vouchml.ledger.writer import GROUP_RECORDS, LedgerWriter

ORIGIN: Final = "example.com/a-ledger"
KEY: Final = SignerKey.generate(ORIGIN)
WITHIN_SECONDS: Final = 20.0


@dataclass
class Ledger:
    """A ledger in a file, a writer of it, and what the writer told."""

    file: Path
    key: SignerKey | None = KEY
    serves_unrecorded: bool = False
    checkpoint_seconds: float = 3600.0
    commits: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def writer(self) -> LedgerWriter:
        return LedgerWriter(
            self._open,
            worker="host-1:7",
            serves_unrecorded=self.serves_unrecorded,
            on_commit=lambda records, _: self.commits.append(records),
            on_failure=lambda error: self.failures.append(error.message),
        )

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[LedgerWriter]:
        writer = self.writer()
        writer.start(asyncio.get_running_loop())
        try:
            yield writer
        finally:
            await asyncio.to_thread(writer.stop)

    def leaves(self) -> list[dict[str, Any]]:
        with closing(open_store(self.url)) as store:
            return [json.loads(entry.leaf) for entry in store.entries(0, 100_000)]

    def types(self) -> list[str]:
        return [leaf["type"] for leaf in self.leaves()]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Another program is in the middle of an append."""
        with closing(apsw.Connection(str(self.file))) as other:
            other.set_busy_timeout(5000)
            other.execute("BEGIN IMMEDIATE")
            yield

    def _open(self) -> tuple[LedgerStore, CheckpointSchedule]:
        store = open_store(self.url)
        latest = store.latest_checkpoint()
        signed = latest.size if latest else 0
        seconds = self.checkpoint_seconds
        return store, CheckpointSchedule(ORIGIN, self.key, signed_size=signed, records=1000, seconds=seconds)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "vouch-ledger.db")
    create_store(made.url, ORIGIN)
    return made


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait five seconds in a test for what does not come."""
    monkeypatch.setattr(sqlite_connection, "WAITS_SECONDS", 0.5)


def note(number: int) -> Record:
    return event(RecordType.CONFIG_CHANGE, {"number": number}, time=datetime.now(UTC))


def note_two(writer: LedgerWriter) -> None:
    writer.note(note(1))
    writer.note(note(2))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def is_open(writer: LedgerWriter) -> Callable[[], bool]:
    return lambda: not writer.state.problem


def test_a_lone_record_is_on_disk_when_its_wait_ends_after_one_commit(ledger: Ledger) -> None:
    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            record = prediction()
            assert await writer.enlist([record]) is True
            with closing(open_store(ledger.url)) as other:
                assert other.find(record.ids[0]) == (0,)
            assert ledger.commits == [1]
            assert writer.state.size == 1

    asyncio.run(run())


def test_a_ledger_that_is_back_is_used_again_however_many_ask_meanwhile(ledger: Ledger) -> None:
    away = ledger.file.with_name("away.db")

    async def ask(writer: LedgerWriter) -> bool:
        try:
            return await writer.enlist([prediction()])
        except LedgerUnavailable:
            await asyncio.sleep(0.02)
            return False

    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            ledger.file.rename(away)
            for _ in range(5):
                assert not await ask(writer)
            away.rename(ledger.file)
            async with asyncio.timeout(WITHIN_SECONDS):
                while not await ask(writer):
                    pass
        assert not writer.state.problem

    asyncio.run(run())


def test_what_comes_while_a_group_is_written_shares_the_next_commit(ledger: Ledger) -> None:
    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            with ledger.held():
                waits = [writer.enlist([record]) for record in predictions(50)]
                batch = writer.enlist(predictions(20))
                await asyncio.sleep(0.1)
                assert not any(wait.done() for wait in [*waits, batch])
            assert await asyncio.gather(*waits, batch) == [True] * 51
            assert ledger.commits == [1, 69]

    asyncio.run(run())


def test_a_long_request_is_a_commit_of_its_own_behind_the_short_ones_that_wait(ledger: Ledger) -> None:
    long = GROUP_RECORDS + 1
    requests = [predictions(rows) for rows in (1, long, 2, long, 3)]

    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            with ledger.held():
                waits = [writer.enlist(records) for records in requests]
                await asyncio.sleep(0.1)
            assert all(await asyncio.gather(*waits))

    asyncio.run(run())
    assert ledger.commits == [1, 5, long, long]


def test_a_long_request_has_its_turn_while_short_ones_keep_coming(ledger: Ledger) -> None:
    of_first, of_long, of_short = predictions(1), predictions(GROUP_RECORDS + 1), predictions(GROUP_RECORDS + 10)

    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            with ledger.held():
                first, long = writer.enlist(of_first), writer.enlist(of_long)
                short = [writer.enlist([record]) for record in of_short]
                await asyncio.sleep(0.1)
            await asyncio.gather(first, long, *short)

    asyncio.run(run())
    assert ledger.commits == [1, GROUP_RECORDS, GROUP_RECORDS + 1, 10]


def test_a_group_ends_between_two_requests_before_it_has_too_many_records(ledger: Ledger) -> None:
    part = GROUP_RECORDS // 2 + 1
    requests = [predictions(rows) for rows in (1, part, part, 5)]

    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            with ledger.held():
                waits = [writer.enlist(records) for records in requests]
                await asyncio.sleep(0.1)
            assert all(await asyncio.gather(*waits))

    asyncio.run(run())
    assert ledger.commits == [1, part, part + 5]


def test_the_records_are_in_the_order_in_which_they_came(ledger: Ledger) -> None:
    many = predictions(300)

    async def run() -> None:
        async with ledger.writing() as writer:
            await asyncio.gather(*[writer.enlist([record]) for record in many])

    asyncio.run(run())
    with closing(open_store(ledger.url)) as store:
        assert [entry.leaf for entry in store.entries(0, 300)] == [record.leaf for record in many]


def test_notes_come_before_all_that_is_enlisted_later_also_from_other_threads(ledger: Ledger) -> None:
    async def run() -> None:
        writer = ledger.writer()
        writer.note(note(0))  # before it has begun
        writer.start(asyncio.get_running_loop())
        with ledger.held():
            first = writer.enlist([prediction()])
            await asyncio.to_thread(note_two, writer)
            second = writer.enlist([prediction()])
        await asyncio.gather(first, second)
        await asyncio.to_thread(writer.stop)

    asyncio.run(run())
    told = [leaf.get("number", leaf["type"]) for leaf in ledger.leaves()]
    assert [each for each in told if each != "prediction"] == [0, 1, 2]
    assert told[0] == 0
    assert told[-1] == "prediction"


def test_a_note_is_written_without_any_record_to_go_with(ledger: Ledger) -> None:
    async def run() -> None:
        async with ledger.writing() as writer:
            writer.note(note(1))
            await until(lambda: ledger.commits)

    asyncio.run(run())
    assert ledger.types() == ["config_change"]


def test_a_stop_writes_what_waits_and_signs_the_end(ledger: Ledger) -> None:
    async def run() -> None:
        writer = ledger.writer()
        writer.start(asyncio.get_running_loop())
        waits = [writer.enlist([record]) for record in predictions(3)]
        await asyncio.gather(*waits)
        writer.note(note(1))
        await asyncio.to_thread(writer.stop)

    asyncio.run(run())
    assert ledger.types() == ["prediction"] * 3 + ["config_change"]
    with closing(open_store(ledger.url)) as store:
        latest = store.latest_checkpoint()
        assert latest is not None
        assert verify_note(latest.note, KEY.verifier).root == store.head().root()
        assert [each.size for each in store.checkpoints()] == [4]


def test_a_stop_writes_also_what_gathers_behind_the_last_group_and_refuses_what_comes_later(ledger: Ledger) -> None:
    async def run() -> None:
        writer = ledger.writer()
        writer.start(asyncio.get_running_loop())
        await until(is_open(writer))
        with ledger.held():
            first, second = writer.enlist([prediction()]), writer.enlist(predictions(3))
            stopping = asyncio.create_task(asyncio.to_thread(writer.stop))
            await asyncio.sleep(0.1)
        assert all(await asyncio.gather(first, second))
        await stopping
        with pytest.raises(LedgerUnavailable):
            await writer.enlist([prediction()])

    asyncio.run(run())
    assert ledger.types() == ["prediction"] * 4
    with closing(open_store(ledger.url)) as store:
        assert [each.size for each in store.checkpoints()] == [4]


def test_a_head_that_no_further_record_moves_is_signed_in_time(ledger: Ledger) -> None:
    ledger.checkpoint_seconds = 0.2

    async def run() -> None:
        async with ledger.writing() as writer:
            await writer.enlist([prediction()])
            with closing(open_store(ledger.url)) as store:
                await until(store.latest_checkpoint)
            assert ledger.commits == [1]

    asyncio.run(run())


def test_without_a_key_records_are_written_and_the_state_says_that_nothing_is_signed(ledger: Ledger) -> None:
    ledger.key = None

    async def run() -> None:
        async with ledger.writing() as writer:
            await writer.enlist([prediction()])
            assert writer.state.is_signed is False

    asyncio.run(run())
    with closing(open_store(ledger.url)) as store:
        assert store.latest_checkpoint() is None


def test_a_ledger_that_is_held_refuses_and_goes_on_when_it_is_free(ledger: Ledger) -> None:
    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            with ledger.held():
                writer.note(note(1))
                waits = [writer.enlist([record]) for record in predictions(5)]
                found = await asyncio.gather(*waits, return_exceptions=True)
                assert [type(each) for each in found] == [LedgerUnavailable] * 5
                assert "cannot be used" in writer.state.problem
                with pytest.raises(LedgerUnavailable):  # at once: nobody queues before a ledger that is away
                    await writer.enlist([prediction()])
            await until(is_open(writer))
            assert await writer.enlist([prediction()]) is True

    asyncio.run(run())
    assert ledger.failures
    assert ledger.types() == ["config_change", "prediction"]  # the note once, and none of the refused


def test_a_ledger_that_is_not_there_is_told_and_used_when_it_comes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "not yet" / "vouch-ledger.db")

    async def run() -> None:
        async with ledger.writing() as writer:
            await until(lambda: ledger.failures)
            assert "There is no ledger" in writer.state.problem
            with pytest.raises(LedgerUnavailable):
                await writer.enlist([prediction()])
            create_store(ledger.url, ORIGIN)
            await until(is_open(writer))
            assert await writer.enlist([prediction()]) is True

    asyncio.run(run())
    assert ledger.types() == ["prediction"]


def test_answers_that_left_unrecorded_leave_one_gap_record_with_their_number(ledger: Ledger) -> None:
    ledger.serves_unrecorded = True

    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            with ledger.held():
                waits = [writer.enlist(predictions(rows)) for rows in (1, 1, 5)]
                assert await asyncio.gather(*waits) == [False] * 3
                assert await writer.enlist([prediction()]) is False
            await until(is_open(writer))
            assert await writer.enlist([prediction()]) is True

    asyncio.run(run())
    assert ledger.types() == ["gap", "prediction"]
    gap = ledger.leaves()[0]
    assert (gap["records"], gap["worker"]) == (8, "host-1:7")
    assert gap["since"] < gap["time"]


def test_a_caller_that_has_gone_leaves_its_record_and_holds_up_nobody(ledger: Ledger) -> None:
    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            with ledger.held():
                gone, stays = writer.enlist([prediction()]), writer.enlist([prediction()])
                gone.cancel()
            assert await stays is True

    asyncio.run(run())
    assert ledger.types() == ["prediction"] * 2


def test_a_failure_that_nobody_foresaw_is_a_refusal_and_the_writer_lives(ledger: Ledger) -> None:
    async def run() -> None:
        async with ledger.writing() as writer:
            await until(is_open(writer))
            unreadable = prediction()._replace(leaf="not bytes")  # type: ignore[arg-type] # which is the point
            with pytest.raises(LedgerUnavailable):
                await writer.enlist([unreadable])
            await until(is_open(writer))
            assert await writer.enlist([prediction()]) is True

    asyncio.run(run())
    assert ledger.types() == ["prediction"]


def test_a_writer_that_was_never_started_refuses(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnavailable):
        ledger.writer().enlist([prediction()])


def test_several_writers_make_one_log_with_every_record_once(ledger: Ledger) -> None:
    parts = [predictions(40) for _ in range(4)]

    async def run() -> None:
        async with ledger.writing() as one, ledger.writing() as two:
            waits = [
                writer.enlist([record])
                for part, writer in zip(parts, (one, two, one, two), strict=True)
                for record in part
            ]
            assert all(await asyncio.gather(*waits))

    asyncio.run(run())
    with closing(open_store(ledger.url)) as store:
        kept = [entry.leaf for entry in store.entries(0, 1000)]
    assert sorted(kept) == sorted(record.leaf for part in parts for record in part)
