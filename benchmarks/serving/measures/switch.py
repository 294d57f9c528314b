"""The stage moves while requests come at a constant rate.

What counts: errors, answers that mix two versions, and the 99th percentile beside that of steady load.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from benchmarks.serving.constant_rate import Answer, ConstantRate
from benchmarks.serving.contenders import Contender, Workplace
from benchmarks.serving.machine import Cores, bench_environment, pinned_to
from benchmarks.serving.results import NotMeasured, Switch
from benchmarks.serving.servers import TOLERANCE, Server, Servers
from benchmarks.serving.trained_model import ModelVersion, TrainedModel

RATE = 1000
SERVED_WITHIN_SECONDS = 30.0
# A switch lasts from the move of the stage until this long after the first answer of the new version.
AFTERMATH_SECONDS = 1.0
WARM_UP_SECONDS = 3.0


@dataclass(frozen=True)
class Move:
    """One move of the stage, on the clock of the answers."""

    began: float
    served: float

    def covers(self, answer: Answer) -> bool:
        """Whether the answer belongs to the switch."""
        return self.began <= answer.began <= self.served + AFTERMATH_SECONDS


def measure_switch(
    contender: Contender, place: Workplace, servers: Servers, cores: Cores, *, there_and_back: int, seconds: float
) -> Switch:
    """Move to the second version and back so many times, with `seconds` of steady load before each move."""
    try:
        with servers.running(contender, place) as server, pinned_to(cores.client):
            gc.disable()  # a pause of the client would be taken for one of the server
            return asyncio.run(_load_and_move(server, switches=2 * there_and_back, seconds=seconds))
    except NotMeasured as reason:
        return Switch(RATE, switches=0, requests=0, errors=0, mixed=0, reason=str(reason))
    finally:
        gc.enable()


async def _load_and_move(server: Server, *, switches: int, seconds: float) -> Switch:
    model, contender = server.place.model, server.contender
    load = ConstantRate(server.port, contender.path, contender.body(model), rate=RATE)
    moves: list[Move] = []
    async with _promoter(server.place.folder) as promoter:
        running = asyncio.create_task(load.run())
        await asyncio.sleep(WARM_UP_SECONDS)
        begin = time.perf_counter()
        try:
            for index in range(switches):
                await asyncio.sleep(seconds)
                moves.append(await _move(promoter, load, model.versions[(index + 1) % 2]))
                await asyncio.sleep(AFTERMATH_SECONDS)
            await asyncio.sleep(seconds)
        finally:
            load.stop()
            await running
    return _judge([answer for answer in load.answers if answer.began >= begin], moves, model)


async def _move(promoter: asyncio.subprocess.Process, load: ConstantRate, version: ModelVersion) -> Move:
    began, seen = time.perf_counter(), len(load.answers)
    await _promote(promoter, version)
    wanted = f'"{version.number}"'.encode()
    deadline = began + SERVED_WITHIN_SECONDS
    while time.perf_counter() < deadline:
        fresh = load.answers[seen:]
        served = [answer for answer in fresh if wanted in _text_of_version(answer.body)]
        if served:
            return Move(began, served[0].began)
        seen += len(fresh)
        await asyncio.sleep(0.02)
    raise NotMeasured(f"version {version.number} was not served within {SERVED_WITHIN_SECONDS:g} s")


def _text_of_version(body: bytes) -> bytes:
    """The piece of an answer that holds the version; parsing each one would cost the client too much."""
    return body.partition(b'"model_version":')[2][:16]


def _judge(answers: Sequence[Answer], moves: Sequence[Move], model: TrainedModel) -> Switch:
    good = [answer for answer in answers if answer.status == HTTPStatus.OK]
    switching = [answer.seconds for answer in good if any(move.covers(answer) for move in moves)]
    steady = [answer.seconds for answer in good if not any(move.covers(answer) for move in moves)]
    return Switch(
        RATE,
        switches=len(moves),
        requests=len(answers),
        errors=len(answers) - len(good),
        mixed=sum(not _is_of_one_version(answer.body, model) for answer in good),
        steady_p99=_p99(steady) * 1e6,
        switching_p99=_p99(switching) * 1e6,
        seconds_until_served=tuple(move.served - move.began for move in moves),
    )


def _is_of_one_version(body: bytes, model: TrainedModel) -> bool:
    answer: dict[str, Any] = json.loads(body)
    return any(
        answer["model_version"] == version.number
        and answer["source_run_id"] == version.run_id
        and abs(answer["probability_positive_class"] - version.probabilities[0]) <= TOLERANCE
        for version in model.versions
    )


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


@asynccontextmanager
async def _promoter(project: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.serving.programs.promote",
        str(project / "vouch.toml"),
        env=bench_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _told(process, "ready")
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _promote(promoter: asyncio.subprocess.Process, version: ModelVersion) -> None:
    assert promoter.stdin is not None
    promoter.stdin.write(f"{version.number}\n".encode())
    await promoter.stdin.drain()
    await _told(promoter, "done")


async def _told(promoter: asyncio.subprocess.Process, word: str) -> None:
    assert promoter.stdout is not None
    line = await promoter.stdout.readline()
    if line.decode().strip() != word:
        raise NotMeasured("the stage could not be moved")
