"""The file of a worker: what is read back, and what is passed over."""

from __future__ import annotations

import os
import resource
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vouchml.serving.metrics import WorkerMetrics
from vouchml.serving.metrics.counter_file import HEADER_SIZE, CounterFile, encode_file, is_alive, read_file
from vouchml.serving.metrics.layout import Layout
from vouchml.serving.metrics.series import SERIES, Series

LAYOUT = Layout.of()
OTHER_LAYOUT = Layout.of((*SERIES[1:], Series("vouch_requests_total", "Requests.", "counter")))
ZEROS = [0.0] * LAYOUT.slots
NOTE = {"pid": 1, "served": []}

numbers = st.floats(min_value=0, allow_infinity=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worker.bin"


@pytest.fixture
def file(path: Path) -> Iterator[CounterFile]:
    file = CounterFile.create(path, LAYOUT, values=ZEROS, note=NOTE)
    yield file
    file.close()


def test_what_is_written_to_a_slot_is_read_at_once(path: Path, file: CounterFile) -> None:
    file.slots[0] += 1.5
    file.slots[LAYOUT.slots - 1] = 2.0**53

    read = read_file(path, LAYOUT)

    assert read is not None
    assert (read.values[0], read.values[-1]) == (1.5, 2.0**53)
    assert read.note == NOTE
    assert read.alive
    assert path.stat().st_size == HEADER_SIZE + 8 * LAYOUT.slots


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    values=st.lists(numbers, min_size=LAYOUT.slots, max_size=LAYOUT.slots),
    note=st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5),
)
def test_a_file_reads_back_as_it_was_written(path: Path, values: list[float], note: dict[str, str]) -> None:
    path.write_bytes(encode_file(LAYOUT, values, note))

    read = read_file(path, LAYOUT)

    assert read is not None
    assert (read.values, read.note, read.alive) == (values, note, False)


def test_a_longer_and_a_shorter_note_replace_each_other(path: Path, file: CounterFile) -> None:
    for note in ({"served": ["a" * 1000]}, {}, {"served": ["é"]}):
        file.write_note(note)
        read = read_file(path, LAYOUT)
        assert read is not None
        assert read.note == note


def test_a_note_that_does_not_fit_is_refused_and_the_old_one_stays(path: Path, file: CounterFile) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        file.write_note({"served": "a" * HEADER_SIZE})

    read = read_file(path, LAYOUT)
    assert read is not None
    assert read.note == NOTE


def test_a_torn_note_costs_the_note_and_not_the_counts(path: Path) -> None:
    content = bytearray(encode_file(LAYOUT, [1.0] * LAYOUT.slots, NOTE))
    content[60] ^= 0xFF
    path.write_bytes(content)

    read = read_file(path, LAYOUT)

    assert read is not None
    assert read.note == {}
    assert set(read.values) == {1.0}


def test_a_file_is_alive_until_it_is_closed(path: Path) -> None:
    file = CounterFile.create(path, LAYOUT, values=ZEROS, note=NOTE)
    assert is_alive(path)
    file.close()
    assert not is_alive(path)
    path.unlink()
    assert not is_alive(path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half_a_header(path: Path) -> None:
    path.write_bytes(encode_file(LAYOUT, ZEROS, NOTE)[: HEADER_SIZE // 2])


def a_slot_short(path: Path) -> None:
    path.write_bytes(encode_file(LAYOUT, ZEROS, NOTE)[:-8])


def zeros_only(path: Path) -> None:
    path.write_bytes(bytes(HEADER_SIZE + 8 * LAYOUT.slots))


def another_layout(path: Path) -> None:
    path.write_bytes(encode_file(OTHER_LAYOUT, [1.0] * OTHER_LAYOUT.slots, NOTE))


def another_layout_of_the_same_size(path: Path) -> None:
    content = bytearray(encode_file(LAYOUT, [1.0] * LAYOUT.slots, NOTE))
    content[16] ^= 1
    path.write_bytes(content)


def a_link(path: Path) -> None:
    target = path.with_name("target")
    target.write_bytes(encode_file(LAYOUT, [1.0] * LAYOUT.slots, NOTE))
    path.symlink_to(target)


def a_socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        # Its whole path would be too long for the address of a socket.
        here = os.open(path.parent, os.O_RDONLY)
        bound.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    "make",
    [
        empty,
        half_a_header,
        a_slot_short,
        zeros_only,
        another_layout,
        another_layout_of_the_same_size,
        a_link,
        a_socket,
        a_folder,
        a_pipe,
    ],
)
def test_a_file_that_is_not_a_workers_is_passed_over_and_left_alone(
    make: Callable[[Path], None], folder: Path, run: str, scrape: Any
) -> None:
    metrics = WorkerMetrics.open(folder, run)
    path = folder / f"{run}-1-00000000.bin"
    make(path)

    assert read_file(path, LAYOUT) is None
    metrics.reload("loaded")
    other = WorkerMetrics.open(folder, run)
    other.close()

    assert scrape()("vouch_reloads_total", outcome="loaded") == 1
    assert scrape()("vouch_workers") == 1
    assert os.path.lexists(path)
    metrics.close()


def test_sums_of_another_release_are_not_overwritten_and_the_own_ones_stay_right(
    folder: Path, run: str, scrape: Any
) -> None:
    WorkerMetrics.open(folder, run).close()
    theirs = folder / f"{run}-retired.bin"
    theirs.unlink(missing_ok=True)
    another_layout(theirs)
    before = theirs.read_bytes()

    for _ in range(3):
        metrics = WorkerMetrics.open(folder, run)
        metrics.reload("loaded")
        metrics.close()

    assert scrape()("vouch_reloads_total", outcome="loaded") == 3
    assert theirs.read_bytes() == before


def test_with_too_many_open_files_a_scrape_fails_instead_of_showing_less(folder: Path, run: str, scrape: Any) -> None:
    metrics = WorkerMetrics.open(folder, run)
    metrics.reload("loaded")
    scrape()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            scrape()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert scrape()("vouch_reloads_total", outcome="loaded") == 1
    metrics.close()


def test_what_an_interrupted_start_left_is_removed_once_it_is_old(folder: Path, run: str) -> None:
    WorkerMetrics.open(folder, run).close()
    fresh, old = (folder / f".unfinished-{name}" for name in ("fresh", "old"))
    for path in (fresh, old):
        path.touch()
    os.utime(old, (0, 0))

    WorkerMetrics.open(folder, run).close()

    assert fresh.exists()
    assert not old.exists()


def test_a_folder_that_is_removed_under_a_living_worker_is_made_anew_by_the_next(
    folder: Path, run: str, scrape: Any
) -> None:
    metrics = WorkerMetrics.open(folder, run)
    shutil.rmtree(folder)
    metrics.reload("loaded")
    other = WorkerMetrics.open(folder, run)
    other.reload("refused")

    assert scrape()("vouch_workers") == 1
    assert scrape().total("vouch_reloads_total") == 1
    metrics.close()
    other.close()
