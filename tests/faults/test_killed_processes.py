"""SIGKILL of each kind of process: the rest goes on, or nothing is left."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from tests.cli.processes import wait_for_the_end_of
from tests.faults.conftest import Start
from tests.faults.steady_load import SteadyLoad
from tests.serving.conftest import Project

PREDICTED = {"door": "predict", "status": "200"}


@pytest.mark.parametrize("workers", [1, 2])
def test_another_watcher_takes_over_from_one_that_was_killed(start: Start, project: Project, workers: int) -> None:
    service = start("--workers", str(workers))
    service.until(lambda: len(service.watchers) == workers)
    first = service.until_watching()
    os.kill(first, signal.SIGKILL)
    service.until(lambda: service.watching not in (None, first))
    project.promote("2")

    taken = service.until(lambda: service.serving("2") == workers)
    print(f"followed {taken:.1f} s after the other took over")
    service.until(lambda: len(service.watchers) == workers)  # a worker gives its watcher two seconds between two starts
    assert service.health()["status"] == "ok"
    assert service.events("watcher-ended")[0]["exit_status"] == -signal.SIGKILL
    service.end()


@pytest.mark.parametrize("uvicorn", [False, True])
def test_a_worker_that_was_killed_is_replaced_and_what_it_counted_stays(
    start: Start, project: Project, features: dict[str, float], uvicorn: bool
) -> None:
    service = start("--workers", "2", uvicorn=uvicorn)
    service.until_all_serve(2)
    for _ in range(100):
        service.predict(features)
    before = service.workers
    os.kill(before[0], signal.SIGKILL)
    service.until(lambda: len(service.workers) == 2 and before[0] not in service.workers)
    service.until(service.is_ready)
    service.until_all_serve(2)
    for _ in range(20):
        service.predict(features)

    assert service.metric("vouch_requests_total", **PREDICTED) == 120
    assert service.metric("vouch_rows_total", door="predict") == 120
    assert service.metric("vouch_workers") == 2
    service.until(lambda: len(service.watchers) == 2)
    service.end()


@pytest.mark.parametrize(("workers", "uvicorn"), [(1, False), (2, False), (2, True)])
def test_nothing_is_left_of_a_service_whose_first_process_was_killed(
    start: Start, project: Project, workers: int, uvicorn: bool
) -> None:
    service = start("--workers", str(workers), uvicorn=uvicorn)
    service.until_all_serve(workers)
    service.until_watching()

    service.end(signal.SIGKILL)  # and see that nothing is left

    assert not service.is_ready()


def test_workers_that_lose_their_parent_answer_what_is_under_way(
    start: Start, project: Project, features: dict[str, float]
) -> None:
    service = start("--workers", "2")
    service.until_all_serve(2)
    with SteadyLoad(service.port, features, callers=8) as load:
        load.until(100)
        service.end(signal.SIGKILL)
        outcome = load.stop()

    assert outcome.lost == []
    assert outcome.statuses == {200}


def test_two_services_of_one_folder_share_a_watcher_and_leave_each_other_alone(
    start: Start, project: Project, features: dict[str, float]
) -> None:
    one, other = start("--workers", "2"), start("--workers", "2", uvicorn=True)
    for service, times in ((one, 3), (other, 5)):
        service.until_all_serve(2)
        for _ in range(times):
            service.predict(features)
    one.until(lambda: one.watching or other.watching)
    watching = [service.watching for service in (one, other)]
    assert sum(pid is not None for pid in watching) == 1
    counted = [service.metric("vouch_requests_total", **PREDICTED) for service in (one, other)]
    assert counted == [3, 5]
    assert [service.metric("vouch_workers") for service in (one, other)] == [2, 2]

    ends, stays = (one, other) if watching[0] else (other, one)
    ends.end(signal.SIGKILL)
    third = start()
    stays.until(lambda: stays.watching or third.watching)
    project.promote("2")
    stays.until_all_serve(2, "2")

    assert stays.metric("vouch_requests_total", **PREDICTED) == (3 if stays is one else 5)
    assert third.metric("vouch_requests_total", **PREDICTED) == 0


def test_a_watcher_ends_with_its_worker_also_while_it_waits_for_mlflow(start: Start, cold_project: Project) -> None:
    # An address that takes connections and never answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        service = start(ready=False, tracking_uri=f"http://127.0.0.1:{silent.getsockname()[1]}")
        service.until_watching()
        connection, _ = silent.accept()
        watchers = service.watchers
        service.send(signal.SIGKILL)
        wait_for_the_end_of(watchers, seconds=3)
        connection.close()
    service.ended()
