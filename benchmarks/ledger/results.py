"""What was measured, as values, and their file `results.json`. Nothing here measures or prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

#: What is looked up by a request id. `…, opened anew` is what the service does for `GET /receipt/…` and `GET /trace/…`.
Lookup = Literal["find", "receipt", "trace", "receipt, opened anew", "trace, opened anew"]
LOOKUPS: tuple[Lookup, ...] = get_args(Lookup)


@dataclass(frozen=True)
class Times:
    """How long something took, many times over, in milliseconds: of processor, and as a clock on the wall has it."""

    median: float
    p99: float
    median_elapsed: float
    p99_elapsed: float

    @classmethod
    def of(cls, processor: Sequence[float], elapsed: Sequence[float]) -> Times:
        """The figures of the same runs in seconds."""
        return cls(*(rank(times, part) * 1e3 for times in (processor, elapsed) for part in (0.5, 0.99)))


@dataclass(frozen=True)
class Stage:
    """What the ledger cost when it had `records`.

    Microseconds a record for the last ones that were appended, one by one group; bytes on disk of all of them.
    """

    records: int
    append_processor: float
    append_elapsed: float
    slowest_commit: float
    bytes_a_record: float | None
    lookups: dict[str, Times]


@dataclass(frozen=True)
class Command:
    """Milliseconds of processor of a command in a process of its own, at a size and with hardly any records."""

    name: str
    milliseconds: float
    milliseconds_when_small: float


@dataclass(frozen=True)
class Verified:
    """One run of `vouch ledger verify` with one process: seconds of processor and on the wall, from start to end."""

    records: int
    processor: float
    elapsed: float
    outcome: str


@dataclass(frozen=True)
class Results:
    """One run of the benchmark."""

    date: str
    machine: str
    load_average: float
    commit: str
    store: str
    group: int
    measured: int
    stages: tuple[Stage, ...]
    commands: tuple[Command, ...]
    verified: Verified

    def save(self, target: Path) -> None:
        """Write them to `target`."""
        target.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, source: Path) -> Results:
        """Read what `save` wrote."""
        values = json.loads(source.read_text(encoding="utf-8"))
        values["stages"] = tuple(
            Stage(**{**stage, "lookups": {name: Times(**times) for name, times in stage["lookups"].items()}})
            for stage in values["stages"]
        )
        values["commands"] = tuple(Command(**command) for command in values["commands"])
        values["verified"] = Verified(**values["verified"])
        return cls(**values)


def rank(values: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
