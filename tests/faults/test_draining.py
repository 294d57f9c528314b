"""SIGTERM loses no request that was sent; SIGINT is quicker; nothing is left either way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest
from tests.faults.conftest import Start
from tests.faults.steady_load import SteadyLoad

pytestmark = pytest.mark.usefixtures("project")

SERVICES = [
    pytest.param(1, False, id="one worker"),
    pytest.param(3, False, id="three workers"),
    pytest.param(1, True, id="uvicorn"),
    pytest.param(2, True, id="uvicorn with two workers"),
]


@pytest.mark.parametrize(("workers", "uvicorn"), SERVICES)
def test_sigterm_under_a_steady_load_loses_no_request(
    start: Start, features: dict[str, float], workers: int, uvicorn: bool
) -> None:
    service = start("--workers", str(workers), uvicorn=uvicorn)
    service.until_all_serve(workers)
    with SteadyLoad(service.port, features) as load:
        load.until(500)
        before = len(load.outcome.answers)
        service.send(signal.SIGTERM)
        service.ended()
        outcome = load.stop()

    assert outcome.lost == []
    assert outcome.statuses == {200}
    assert len(outcome.answers) > before, "nobody was served while it drained"
    assert outcome.turned_away > 0, "the load ended before the service did"


def test_a_group_that_is_stopped_as_one_loses_no_request_either(start: Start, features: dict[str, float]) -> None:
    service = start("--workers", "2")
    service.until_all_serve(2)
    with SteadyLoad(service.port, features) as load:
        load.until(500)
        began = time.monotonic()
        service.send_to_all(signal.SIGTERM)  # so each worker is told twice, by its supervisor and by uvicorn
        service.ended()
        outcome = load.stop()

    assert time.monotonic() - began > 1.0, "it did not drain"
    assert outcome.lost == []
    assert outcome.statuses == {200}
    assert outcome.turned_away > 0


def test_workers_that_are_replaced_one_by_one_lose_no_request_and_turn_nobody_away(
    start: Start, features: dict[str, float]
) -> None:
    service = start("--workers", "2", drain_seconds=0.5)
    service.until_all_serve(2)
    before = service.workers
    with SteadyLoad(service.port, features, callers=8) as load:
        load.until(200)
        service.send(signal.SIGHUP)
        service.until(lambda: len(service.workers) == 2 and not set(service.workers) & set(before))
        outcome = load.stop()

    assert outcome.lost == []
    assert outcome.statuses == {200}
    assert outcome.turned_away == 0


def test_workers_that_are_all_ended_by_hand_leave_the_address_open_for_those_that_follow(
    start: Start, features: dict[str, float]
) -> None:
    service = start("--workers", "2", drain_seconds=0.5)
    service.until_all_serve(2)
    before = service.workers
    for worker in before:
        os.kill(worker, signal.SIGTERM)

    service.until(lambda: not set(service.workers) & set(before))
    service.until_ready()
    with SteadyLoad(service.port, features, callers=4) as load:
        load.until(200)

    assert load.outcome.statuses == {200}
    assert load.outcome.lost == []


@pytest.mark.parametrize("uvicorn", [False, True])
def test_while_it_drains_it_answers_and_says_that_it_is_not_ready(
    start: Start, features: dict[str, float], uvicorn: bool
) -> None:
    service = start(uvicorn=uvicorn, drain_seconds=120)
    with httpx.Client(base_url=service.url, trust_env=False) as client:
        assert client.post("/predict", json={"features": features}).headers.get("Connection") != "close"
        service.send(signal.SIGTERM)
        service.until(lambda: service.get("/health/ready").status_code == 503)
        replies = [client.post("/predict", json={"features": features}), client.get("/health"), client.get("/ping")]

    assert [reply.status_code for reply in replies] == [200, 200, 404]  # as MLflow has it
    assert [reply.headers["Connection"] for reply in replies] == ["close"] * 3
    service.end(signal.SIGINT)


def test_a_body_that_is_on_its_way_is_waited_for(start: Start, features: dict[str, float]) -> None:
    service = start(drain_seconds=0.2)
    body = httpx.Request("POST", service.url, json={"features": features}).content

    def slowly() -> Iterator[bytes]:
        yield body[:10]
        service.send(signal.SIGTERM)
        time.sleep(2)
        yield body[10:]

    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    reply = httpx.post(f"{service.url}/predict", content=slowly(), headers=headers, timeout=30, trust_env=False)

    assert reply.status_code == 200
    service.ended()


@pytest.mark.parametrize(("workers", "uvicorn"), SERVICES)
def test_sigint_ends_at_once_and_leaves_nothing(start: Start, workers: int, uvicorn: bool) -> None:
    service = start("--workers", str(workers), uvicorn=uvicorn, drain_seconds=60)
    service.until_all_serve(workers)
    with httpx.Client(base_url=service.url, trust_env=False) as idle:
        idle.get("/health")
        began = time.monotonic()
        service.send_to_all(signal.SIGINT)  # as Ctrl-C does
        service.ended()

    assert time.monotonic() - began < 30
    assert service.traceback == ""


@pytest.mark.parametrize("workers", [1, 3])
def test_sigint_while_workers_start_shows_no_traceback(start: Start, workers: int) -> None:
    service = start("--workers", str(workers), ready=False)
    if workers == 1:
        service.until(lambda: "Ctrl-C stops it." in service.log.read_text())
    else:
        service.until(lambda: len(service.workers) == workers)
    service.send_to_all(signal.SIGINT)
    service.ended()

    assert service.traceback == ""


@pytest.mark.parametrize(("workers", "uvicorn"), SERVICES)
def test_sigint_while_watchers_start_shows_no_traceback(start: Start, workers: int, uvicorn: bool) -> None:
    service = start("--workers", str(workers), uvicorn=uvicorn, ready=False)
    service.until(lambda: len(service.watchers) == workers)
    service.send_to_all(signal.SIGINT)
    service.ended()

    assert service.traceback == ""


@pytest.mark.parametrize(("workers", "uvicorn"), SERVICES)
def test_a_second_sigint_shows_no_traceback_either(start: Start, workers: int, uvicorn: bool) -> None:
    service = start("--workers", str(workers), uvicorn=uvicorn)
    service.until_all_serve(workers)
    with httpx.Client(base_url=service.url, trust_env=False) as idle:
        idle.get("/health")
        service.send_to_all(signal.SIGINT)
        time.sleep(0.05)  # uvicorn waits for twice as long before it ends what it has under way
        service.send_to_all(signal.SIGINT)
        service.ended()

    assert service.traceback == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_sigint_cuts_a_drain_short(start: Start, workers: int) -> None:
    service = start("--workers", str(workers), drain_seconds=120)
    service.until_all_serve(workers)
    service.send(signal.SIGTERM)
    service.until(lambda: service.get("/health/ready").status_code == 503)
    service.send_to_all(signal.SIGINT)

    service.ended()
