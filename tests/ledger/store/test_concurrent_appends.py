"""Whoever appends, and however many do at once, there is one log: each record once, in one order, under one root."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Barrier

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.store.made_up import erasure, prediction, predictions, unsigned

from vouchml.ledger.proofs import root_at
from vouchml.ledger.store import LedgerStore, open_store
from vouchml.ledger.tree import CompactRange, leaf_hash

PROCESSES, APPENDS = 4, 40

_APPENDER = """
import random, sys
from contextlib import closing
from tests.ledger.store.made_up import prediction, unsigned
from vouchml.ledger.store import open_store

url, name, appends = sys.argv[1], sys.argv[2], int(sys.argv[3])
with closing(open_store(url)) as store:
    sys.stdin.readline()
    for number in range(appends):
        records = [prediction(request_id=f"{name}/{number}/{each}") for each in range(random.randint(1, 9))]
        first, size = store.append(records, sign=unsigned)
        assert size == first + len(records)
        for index, record in enumerate(records, first):
            print(index, record.ids[1])
"""


def _require_one_log(store: LedgerStore, acknowledged: dict[int, str]) -> None:
    """Check that the log is exactly what was acknowledged, and that its head is the one of a log appended in order."""
    size = store.head().size
    assert sorted(acknowledged) == list(range(size))
    entries = list(store.entries(0, size))
    assert [entry.index for entry in entries] == list(range(size))
    for entry in entries:
        assert acknowledged[entry.index].encode() in entry.leaf
    assert store.head() == CompactRange().extend([leaf_hash(entry.leaf) for entry in entries])[0]
    assert root_at(size, store) == store.head().root()
    for index in random.sample(range(size), 20):
        assert store.find(acknowledged[index]) == (index,)


def test_processes_that_append_at_once_make_one_log(url: str, store: LedgerStore) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _APPENDER, url, f"process-{number}", str(APPENDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    acknowledged = {}
    for child in children:
        output, _ = child.communicate(timeout=120)
        assert child.returncode == 0
        for line in output.splitlines():
            index, name = line.split()
            assert int(index) not in acknowledged
            acknowledged[int(index)] = name
    _require_one_log(store, acknowledged)


def test_threads_with_a_connection_each_make_one_log(url: str, store: LedgerStore) -> None:
    together = Barrier(4)

    def append(thread: int) -> dict[int, str]:
        done = {}
        with closing(open_store(url)) as own:
            together.wait()
            for number in range(APPENDS):
                records = [prediction(request_id=f"{thread}/{number}/{each}") for each in range(1 + number % 5)]
                first = own.append(records, sign=unsigned).first_index
                done.update({first + each: record.ids[1] for each, record in enumerate(records)})
        return done

    with ThreadPoolExecutor(4) as threads:
        acknowledged: dict[int, str] = {}
        for done in threads.map(append, range(4)):
            assert acknowledged.keys().isdisjoint(done)
            acknowledged |= done
    _require_one_log(store, acknowledged)


def test_payloads_are_erased_while_others_append(url: str, store: LedgerStore) -> None:
    store.append(predictions(30), sign=unsigned)
    together = Barrier(2)

    def append() -> None:
        with closing(open_store(url)) as own:
            together.wait()
            for _ in range(60):
                own.append(predictions(3), sign=unsigned)

    with ThreadPoolExecutor(1) as threads:
        appending = threads.submit(append)
        together.wait()
        for index in range(0, 30, 3):
            store.erase([index], [erasure(index)])
        appending.result()
    assert store.head().size == 30 + 60 * 3 + 10
    assert [entry.index for entry in store.entries(0, 30) if entry.payload is None] == list(range(0, 30, 3))
    assert root_at(220, store) == store.head().root()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(turns=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 70)), max_size=12))
def test_any_turns_of_connections_give_the_root_of_one_append(url: str, turns: list[tuple[int, int]]) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(open_store(url))) for _ in range(3)]
        before = connections[0].head()
        leaves: list[bytes] = []
        for connection, count in turns:
            records = predictions(count)
            appended = connections[connection].append(records, sign=unsigned)
            assert appended.first_index == before.size + len(leaves)
            leaves += [record.leaf for record in records]
        assert connections[1].head() == before.extend([leaf_hash(leaf) for leaf in leaves])[0]
        stored = connections[2].entries(before.size, before.size + len(leaves))
        assert [entry.leaf for entry in stored] == leaves
        size = connections[2].head().size
        if size:
            assert root_at(size, connections[2]) == connections[0].head().root()
