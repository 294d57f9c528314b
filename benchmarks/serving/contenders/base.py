"""What a contender is: how it is installed, prepared, started and asked, and where its answer holds the probability."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.serving.results import CONNECTIONS, Kind
from benchmarks.serving.trained_model import TrainedModel

PROGRAMS = "benchmarks.serving.programs"


@dataclass(frozen=True)
class Workplace:
    """Where a contender works: the Python of its environment, a folder of its own, the model that it serves."""

    python: Path
    folder: Path
    model: TrainedModel


class Contender(Protocol):
    """One way to serve the model. The bench installs, prepares, starts, checks, loads and stops it."""

    @property
    def name(self) -> str:
        """What it is called in options and tables."""
        ...

    @property
    def kind(self) -> Kind:
        """`ours`, a `limit` that nobody can beat, or a `peer` that people use."""
        ...

    @property
    def what(self) -> str:
        """What it is, in one line."""
        ...

    @property
    def requirements(self) -> tuple[str, ...]:
        """Pinned packages of an environment of its own; none: it runs in the environment of the bench."""
        ...

    @property
    def path(self) -> str:
        """The path that rows are posted to."""
        ...

    @property
    def connections(self) -> tuple[int, ...]:
        """The numbers of connections that it is loaded with."""
        ...

    def prepare(self, place: Workplace) -> None:
        """Write what the command needs into `place.folder`, which is empty."""
        ...

    def command(self, place: Workplace, port: int) -> Sequence[str]:
        """The server, in the foreground, on 127.0.0.1."""
        ...

    def environment(self, place: Workplace) -> Mapping[str, str]:
        """Variables that the command needs beyond those of every contender."""
        ...

    def body(self, model: TrainedModel) -> bytes:
        """The first row in the envelope that it takes, as JSON."""
        ...

    def probability(self, answer: bytes) -> float:
        """The probability of the positive class in its answer."""
        ...


def named_row(model: TrainedModel) -> Any:
    """`{"features": {name: number}}`, the envelope of vouchml."""
    return {"features": model.named(model.first_row)}


def probability_field(answer: Any) -> float:
    """The field that vouchml answers with."""
    return float(answer["probability_positive_class"])


@dataclass(frozen=True)
class UvicornProgram:
    """A contender whose server is an ASGI app among our programs, run by uvicorn on uvloop and httptools."""

    name: str
    kind: Kind
    what: str
    program: str
    requirements: tuple[str, ...] = ()
    path: str = "/predict"
    connections: tuple[int, ...] = CONNECTIONS
    envelope: Callable[[TrainedModel], Any] = field(default=named_row)
    found: Callable[[Any], float] = field(default=probability_field)

    def prepare(self, place: Workplace) -> None:
        """Nothing: the program reads the exported model."""

    def command(self, place: Workplace, port: int) -> Sequence[str]:
        """Uvicorn with one worker, and no access log."""
        app = f"{PROGRAMS}.{self.program}:app"
        options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
        return [str(place.python), "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), *options]

    def environment(self, place: Workplace) -> Mapping[str, str]:
        """None."""
        return {}

    def body(self, model: TrainedModel) -> bytes:
        """The row in the envelope."""
        return json.dumps(self.envelope(model)).encode()

    def probability(self, answer: bytes) -> float:
        """The number that `found` finds."""
        return self.found(json.loads(answer))
