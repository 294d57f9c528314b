"""One timer for all the times that a connection is idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from vouchml.serving.idle_timer import IdleTimer

SECONDS = 0.08


def ended_at(use: Callable[[IdleTimer], Coroutine[Any, Any, None]]) -> list[float]:
    """When the connection was ended, in seconds from the beginning, while it was used so and for a while after."""

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        began, ends = loop.time(), list[float]()
        timer = IdleTimer(loop, SECONDS, lambda: ends.append(loop.time() - began))
        await use(timer)
        await asyncio.sleep(3 * SECONDS)
        return ends

    return asyncio.run(run())


def test_an_idle_connection_is_ended_once() -> None:
    async def use(timer: IdleTimer) -> None:
        timer.begin()

    (at,) = ended_at(use)
    assert at >= SECONDS


def test_a_request_under_way_is_never_ended() -> None:
    async def use(timer: IdleTimer) -> None:
        timer.begin()
        timer.cancel()

    assert ended_at(use) == []


def test_the_time_counts_from_the_last_answer() -> None:
    async def use(timer: IdleTimer) -> None:
        for _ in range(4):
            timer.begin()
            await asyncio.sleep(SECONDS / 2)
            timer.cancel()
        timer.begin()

    (at,) = ended_at(use)
    assert at >= 3 * SECONDS  # four requests, half the time apart, and then the whole


def test_a_connection_that_has_been_busy_for_long_is_ended_when_it_is_idle_again() -> None:
    async def use(timer: IdleTimer) -> None:
        timer.begin()
        timer.cancel()
        await asyncio.sleep(2 * SECONDS)
        timer.begin()

    (at,) = ended_at(use)
    assert at >= 3 * SECONDS


def test_nothing_is_called_after_the_end_of_a_connection() -> None:
    async def use(timer: IdleTimer) -> None:
        timer.begin()
        timer.close()

    assert ended_at(use) == []
