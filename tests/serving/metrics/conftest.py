"""A folder to count in, real worker processes, and scrapes as Prometheus reads them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vouchml.serving.metrics import new_run, render

PROGRAM = Path(__file__).with_name("counting_worker.py")

Scrape = Callable[..., "Scraped"]
StartWorker = Callable[..., "CountingWorker"]


class Scraped:
    """The samples of one scrape: `scraped("vouch_rows_total", door="predict")`."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self._values: Mapping[tuple[str, frozenset[tuple[str, str]]], float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self._values[name, frozenset(labels.items())]

    def all(self, name: str) -> dict[tuple[str, ...], float]:
        """Every sample of that name, by its label values in the order of their names."""
        found = {labels: value for (found, labels), value in self._values.items() if found == name}
        return {tuple(value for _, value in sorted(labels)): found for labels, found in found.items()}

    def total(self, name: str) -> float:
        return sum(self.all(name).values())


class CountingWorker:
    """A process that runs `counting_worker.py`."""

    def __init__(self, folder: Path, run: str, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), run, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.answer() == "ready"

    def send(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def do(self, command: str) -> Any:
        self.send(command)
        return self.answer()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> str:
        """Let it end by itself, and hand out what it wrote on standard error."""
        return self.process.communicate()[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".vouch" / "serving" / "metrics"


@pytest.fixture
def run() -> str:
    return new_run()


@pytest.fixture
def scrape(folder: Path, run: str) -> Scrape:
    """Sum up what is in the folder, as any worker would."""
    return lambda: Scraped(render(folder, run).decode())


@pytest.fixture
def start_worker(folder: Path, run: str) -> Iterator[StartWorker]:
    started: list[CountingWorker] = []

    def start(*options: str) -> CountingWorker:
        started.append(CountingWorker(folder, run, *options))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        for stream in (worker.process.stdin, worker.process.stdout, worker.process.stderr):
            if stream is not None and not stream.closed:
                stream.close()


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so: `eventually(lambda: ...)`."""

    def wait(condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < ends, "it did not happen in time"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def read_scrape() -> Callable[[bytes], Scraped]:
    return lambda text: Scraped(text.decode())
