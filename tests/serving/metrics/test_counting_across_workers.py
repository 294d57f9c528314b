"""Several real processes count, and whoever is asked gives the sums."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vouchml.serving.metrics import WorkerMetrics, new_run, render

PREDICT_200 = {"door": "predict", "status": "200"}


def test_the_sums_over_processes_that_count_at_once_are_exact_and_never_fall(start_worker: Any, scrape: Any) -> None:
    workers = [start_worker() for _ in range(3)]
    for worker in workers:
        worker.send("count 200000")

    seen = [0.0]
    while seen[-1] < 600_000:
        seen.append(scrape()("vouch_requests_total", **PREDICT_200))
        assert seen[-1] >= seen[-2]
    assert [worker.answer() for worker in workers] == ["done"] * 3

    end = scrape()
    assert end.total("vouch_requests_total") == 600_000
    assert end("vouch_rows_total", door="predict") == 1_200_000
    assert end("vouch_request_seconds_count", door="predict") == 600_000
    assert end("vouch_request_seconds_sum", door="predict") == 150_000.0
    assert end("vouch_score_count") == 600_000
    assert end("vouch_score_sum") == 300_000.0
    assert end("vouch_workers") == 3


def test_every_worker_answers_a_scrape_with_the_sums_of_all(
    start_worker: Any, scrape: Any, read_scrape: Callable[[bytes], Any]
) -> None:
    one, other = start_worker(), start_worker()
    one.do("count 3")
    other.do("count 4")

    texts = [worker.do("scrape") for worker in (one, other)]

    assert texts[0] == texts[1]
    assert read_scrape(texts[0].encode())("vouch_requests_total", **PREDICT_200) == 7


def test_a_worker_that_was_killed_stays_in_the_sums_and_leaves_the_living(
    start_worker: Any, scrape: Any, folder: Path, run: str
) -> None:
    killed, living = start_worker(), start_worker()
    for worker in (killed, living):
        worker.do("count 10")
        worker.do("in_flight 5")
        worker.do("serve 3")
    assert scrape()("vouch_requests_in_flight") == 10
    killed.kill()

    after = scrape()

    assert after("vouch_requests_total", **PREDICT_200) == 20
    assert after("vouch_workers") == 1
    assert after("vouch_requests_in_flight") == 5
    assert after.all("vouch_model_served") == {("d" * 64, "champion", "3"): 1.0}
    assert file_names(folder, run) == {"retired": 1, "workers": 1}


def test_what_is_served_is_told_by_the_workers_that_serve_it_now(start_worker: Any, scrape: Any) -> None:
    workers = [start_worker() for _ in range(3)]
    assert scrape().all("vouch_model_served") == {}
    for worker in workers:
        worker.do("serve 1")
    for worker in workers[1:]:
        worker.do("serve 2")

    assert scrape().all("vouch_model_served") == {
        ("d" * 64, "champion", "1"): 1.0,
        ("d" * 64, "champion", "2"): 2.0,
    }


def test_fifty_restarts_leave_few_files_and_all_counts(start_worker: Any, scrape: Any, folder: Path, run: str) -> None:
    worker = start_worker()
    worker.do("count 1")
    worker.do("fork_in_turn 50 10")

    after = scrape()

    assert after("vouch_requests_total", **PREDICT_200) == 501
    assert after("vouch_workers") == 1
    assert after("vouch_requests_in_flight") == 0
    assert file_names(folder, run) == {"retired": 1, "workers": 1}


def test_workers_that_end_while_others_scrape_and_fold_are_counted_once(
    start_worker: Any, scrape: Any, folder: Path, run: str
) -> None:
    parents = [start_worker() for _ in range(2)]
    for parent in parents:
        for _ in range(3):
            parent.send("fork_together 20 50")

    seen = [0.0]
    while seen[-1] < 2 * 3 * 20 * 50:
        seen.append(scrape()("vouch_requests_total", **PREDICT_200))
        assert seen[-1] >= seen[-2]
    assert [parent.answer() for parent in parents for _ in range(3)] == ["done"] * 6

    assert scrape()("vouch_requests_total", **PREDICT_200) == 6000
    assert file_names(folder, run) == {"retired": 1, "workers": 2}


def test_files_that_a_killed_process_had_folded_but_not_removed_are_not_counted_twice(
    start_worker: Any, scrape: Any, folder: Path, run: str, tmp_path: Path
) -> None:
    for worker in [start_worker() for _ in range(2)]:
        worker.do("count 5")
        worker.kill()
    kept = shutil.copytree(folder, tmp_path / "kept")
    scrape()
    for file in kept.glob(f"{run}-*.bin"):
        shutil.copy(file, folder)
    assert file_names(folder, run) == {"retired": 1, "workers": 2}

    assert scrape()("vouch_requests_total", **PREDICT_200) == 10
    another = start_worker()
    another.do("count 1")
    another.kill()

    assert scrape()("vouch_requests_total", **PREDICT_200) == 11
    assert file_names(folder, run) == {"retired": 1, "workers": 0}


def test_a_forked_child_counts_for_itself_and_does_not_keep_its_parent_alive(
    start_worker: Any, scrape: Any, eventually: Any
) -> None:
    parent = start_worker()
    parent.do("count 100")
    child = parent.do("fork_one_that_stays 40")
    try:
        eventually(lambda: scrape()("vouch_requests_in_flight") == 7)
        both = scrape()
        parent.kill()
        orphaned = scrape()
    finally:
        os.kill(child, signal.SIGKILL)
    eventually(lambda: scrape()("vouch_workers") == 0)

    assert both("vouch_workers") == 2
    assert orphaned("vouch_workers") == 1
    assert [told("vouch_requests_total", **PREDICT_200) for told in (both, orphaned, scrape())] == [140] * 3


def test_files_of_an_earlier_run_are_removed_when_a_worker_starts_but_not_those_of_one_that_lives(
    start_worker: Any, folder: Path, run: str
) -> None:
    over, living = new_run(), new_run()
    another_service = WorkerMetrics.open(folder, living)
    for name in ("1-00000000", "2-00000000", "retired"):
        for other_run in (over, living):
            shutil.copy(next(folder.glob(f"{living}-*.bin")), folder / f"{other_run}-{name}.bin")
    foreign = folder / "notes.txt"
    foreign.write_text("not ours")

    start_worker()

    assert file_names(folder, over) == {"retired": 0, "workers": 0}
    assert file_names(folder, living) == {"retired": 1, "workers": 3}
    assert file_names(folder, run) == {"retired": 0, "workers": 1}
    assert foreign.read_text() == "not ours"
    another_service.close()


@pytest.mark.parametrize("command", ["count 3", "serve 1"])
def test_a_full_disk_at_the_start_lets_the_worker_count_for_itself_until_there_is_room(
    start_worker: Any, scrape: Any, read_scrape: Callable[[bytes], Any], folder: Path, command: str
) -> None:
    worker = start_worker("--full-disk")
    worker.do(command)

    alone = read_scrape(worker.do("scrape").encode())
    worker.do("count 2")
    others = scrape()
    worker.do("more_room")
    again = read_scrape(worker.do("scrape").encode())

    counted = 3 if command == "count 3" else 0
    assert alone.total("vouch_requests_total") == counted
    assert alone("vouch_workers") == 1
    assert others.total("vouch_requests_total") == others("vouch_workers") == 0
    assert again.total("vouch_requests_total") == counted + 2
    assert scrape().total("vouch_requests_total") == counted + 2
    assert scrape().all("vouch_model_served") == again.all("vouch_model_served") == alone.all("vouch_model_served")
    assert not list(folder.glob(".unfinished-*"))
    assert worker.end().count("metrics-not-shared") == 1


def file_names(folder: Path, run: str) -> dict[str, int]:
    names = [path.name for path in folder.glob(f"{run}-*.bin")]
    return {"retired": names.count(f"{run}-retired.bin"), "workers": len([n for n in names if "retired" not in n])}


def test_the_folder_may_be_missing_when_it_is_scraped(folder: Path, run: str) -> None:
    assert b"vouch_workers 0.0" in render(folder, run)
