"""The contest: every contender in turn, round after round, so that what the machine does meanwhile falls on all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks.serving.contenders import Contender, Workplace
from benchmarks.serving.environments import python_of, slug
from benchmarks.serving.machine import Cores
from benchmarks.serving.results import Contest, NotMeasured, Round
from benchmarks.serving.servers import Servers
from benchmarks.serving.trained_model import TrainedModel
from benchmarks.serving.wrk import load

# Long enough for what a server still does in the background after its first answer.
WARM_UP_SECONDS = 3.0
OURS = ("uvicorn", "uvloop", "httptools", "fastapi", "msgspec", "numpy", "onnxruntime")

Progress = Callable[[str], None]


def enter(
    contenders: Iterable[Contender], model: TrainedModel, cache: Path, servers: Servers, progress: Progress
) -> dict[str, tuple[Contest, Workplace | None]]:
    """Install, prepare and start each contender once, and check its answer. The reason is kept where that fails."""
    entered: dict[str, tuple[Contest, Workplace | None]] = {}
    for contender in contenders:
        progress(f"Preparing {contender.name}")
        contest = Contest(contender.name, contender.kind, contender.what, _versions(contender))
        place = None
        try:
            place = _workplace(contender, model, cache)
            with servers.running(contender, place) as server:
                contest.first_start_seconds = server.ready_seconds
        except NotMeasured as reason:
            contest.reason, place = str(reason), None
        entered[contender.name] = (contest, place)
    return entered


def run_round(
    contender: Contender, contest: Contest, place: Workplace, servers: Servers, cores: Cores, *, seconds: float
) -> None:
    """Start the contender, warm it up, load it with each number of connections, and stop it."""
    try:
        with servers.running(contender, place) as server:
            load(server, cores, connections=max(contender.connections), seconds=WARM_UP_SECONDS)
            before = server.processes()
            loads = {count: load(server, cores, connections=count, seconds=seconds) for count in contender.connections}
            contest.rounds.append(Round(server.ready_seconds, loads, server.memory(before)))
    except NotMeasured as reason:
        contest.reason = f"a round is missing: {reason}"


def _workplace(contender: Contender, model: TrainedModel, cache: Path) -> Workplace:
    folder = cache / "workplaces" / slug(contender.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    place = Workplace(python_of(contender, cache / "environments"), folder, model)
    contender.prepare(place)
    return place


def _versions(contender: Contender) -> tuple[str, ...]:
    return contender.requirements or tuple(f"{name}=={version(name)}" for name in OURS)
