"""Many rows in one request: our doors and MLflow's, beside JSON decoding alone of the same bytes."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.serving.contenders import Contender, Workplace
from benchmarks.serving.contenders.mlflow_models_serve import split_body
from benchmarks.serving.machine import Cores, bench_environment, pinned_to
from benchmarks.serving.measures.contest import WARM_UP_SECONDS
from benchmarks.serving.results import Batch, Decoding, NotMeasured
from benchmarks.serving.servers import TOLERANCE, Server, Servers, post
from benchmarks.serving.trained_model import TrainedModel
from benchmarks.serving.wrk import load

ROWS = 10_000
NOT_SERVED = (404, 405)


@dataclass(frozen=True)
class Door:
    """A path that takes many rows, and how they are written and read there."""

    path: str
    body: Callable[[TrainedModel, Sequence[Sequence[float]]], bytes]


def named_rows(model: TrainedModel, rows: Sequence[Sequence[float]]) -> bytes:
    """`{"rows": [{name: number}, …]}`."""
    return json.dumps({"rows": [model.named(tuple(row)) for row in rows]}).encode()


PREDICT_BATCH = Door("/predict/batch", named_rows)
INVOCATIONS = Door("/invocations", split_body)
DOORS = {"vouchml": (PREDICT_BATCH, INVOCATIONS), "mlflow models serve": (INVOCATIONS,)}


def measure_batches(
    contender: Contender, place: Workplace, servers: Servers, cores: Cores, *, times: int
) -> list[Batch]:
    """The median of `times` requests of 10,000 rows to each door of the contender; the first is a warm-up."""
    try:
        with servers.running(contender, place) as server:
            load(server, cores, connections=1, seconds=WARM_UP_SECONDS)
            with pinned_to(cores.client):
                return [_measure(server, door, times) for door in DOORS[contender.name]]
    except NotMeasured as reason:
        return [Batch(contender.name, door.path, ROWS, reason=str(reason)) for door in DOORS[contender.name]]


def measure_decoding(model: TrainedModel, folder: Path, cores: Cores, *, times: int) -> list[Decoding]:
    """JSON decoding alone, on the server's core, of what each of our doors is sent."""
    found = []
    for door in DOORS["vouchml"]:
        body = folder / "batch.json"
        body.write_bytes(door.body(model, _rows(model)))
        program = [sys.executable, "-m", "benchmarks.serving.programs.decode_alone", str(body), str(times)]
        done = subprocess.run(
            ["taskset", "--cpu-list", str(cores.server), *program],
            env=bench_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        size = body.stat().st_size
        found += [Decoding(name, door.path, size, seconds) for name, seconds in json.loads(done.stdout).items()]
    return found


def _measure(server: Server, door: Door, times: int) -> Batch:
    model = server.place.model
    body = door.body(model, _rows(model))
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        try:
            status, answer = post(server.port, door.path, body)
        except (OSError, http.client.HTTPException) as error:
            return Batch(server.contender.name, door.path, ROWS, reason=f"no answer ({type(error).__name__})")
        taken.append(time.perf_counter() - began)
        if status in NOT_SERVED:
            return Batch(server.contender.name, door.path, ROWS, reason="not served")
        if status != http.HTTPStatus.OK:
            return Batch(server.contender.name, door.path, ROWS, reason=f"HTTP {status}")
    if problem := _problem(answer, model):
        return Batch(server.contender.name, door.path, ROWS, reason=problem)
    return Batch(server.contender.name, door.path, ROWS, seconds=median(taken[1:]))


def _rows(model: TrainedModel) -> list[tuple[float, ...]]:
    return list(islice(cycle(model.rows), ROWS))


def _problem(answer: bytes, model: TrainedModel) -> str:
    """What is wrong with the answer; empty when every probability is the model's, in order."""
    try:
        given = [_probability(entry, model) for entry in json.loads(answer)["predictions"]]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return f"its answer holds no probabilities ({type(error).__name__})"
    expected = list(islice(cycle(model.versions[0].probabilities), ROWS))
    if len(given) != ROWS:
        return f"it answers {len(given)} rows"
    difference = max(abs(ours - theirs) for ours, theirs in zip(given, expected, strict=True))
    return "" if difference <= TOLERANCE else f"its answers differ from the model's by {difference:.1e}"


def _probability(entry: Any, model: TrainedModel) -> float:
    """An object of ours, or the two probabilities that `predict_proba` gives."""
    found = entry["probability_positive_class"] if isinstance(entry, dict) else entry[model.positive_index]
    return float(found)
