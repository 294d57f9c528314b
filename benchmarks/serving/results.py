"""What was measured, as values. Nothing here measures or prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Literal

Kind = Literal["ours", "limit", "peer"]
CONNECTIONS = (1, 32)
FEWEST_SAMPLES = 3


class NotMeasured(Exception):
    """A contender could not be measured; the text is the reason, fit for the table."""


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw. Times in microseconds."""

    requests: int
    requests_per_second: float
    p50: float
    p99: float
    errors: int


@dataclass(frozen=True)
class Memory:
    """Bytes of a tree of processes, and of the one in it that worked most: the worker."""

    processes: int
    pss: int
    rss: int
    worker_rss: int


@dataclass(frozen=True)
class Round:
    """One start of a contender, loaded with each number of connections."""

    cold_start_seconds: float
    loads: dict[int, Load]
    memory: Memory


@dataclass
class Contest:
    """How a contender did. `reason` says why there are no rounds, or why one is missing."""

    name: str
    kind: Kind
    what: str
    versions: tuple[str, ...]
    first_start_seconds: float | None = None
    rounds: list[Round] = field(default_factory=list)
    reason: str = ""

    def requests_per_second(self, connections: int) -> float:
        """The median of the rounds."""
        return median(entry.loads[connections].requests_per_second for entry in self.rounds)

    def p50(self, connections: int) -> float:
        """The median of the rounds' medians, in microseconds."""
        return median(entry.loads[connections].p50 for entry in self.rounds)

    def p99(self, connections: int) -> float:
        """The median of the rounds' 99th percentiles, in microseconds."""
        return median(entry.loads[connections].p99 for entry in self.rounds)

    @property
    def errors(self) -> int:
        """All answers that were not 2xx or did not come, over all rounds."""
        return sum(load.errors for entry in self.rounds for load in entry.loads.values())

    @property
    def cold_start_seconds(self) -> float:
        """From spawn to the first right answer, the median of the rounds; caches are warm."""
        return median(entry.cold_start_seconds for entry in self.rounds)

    @property
    def pss(self) -> float:
        """Memory of the whole tree of processes after load, the median of the rounds, in bytes."""
        return median(entry.memory.pss for entry in self.rounds)

    @property
    def worker_rss(self) -> float:
        """Resident memory of the busiest process after load, the median of the rounds, in bytes."""
        return median(entry.memory.worker_rss for entry in self.rounds)


@dataclass(frozen=True)
class Batch:
    """Many rows in one request to one door. `reason` says why there are no figures."""

    contender: str
    door: str
    rows: int
    seconds: float | None = None
    reason: str = ""

    @property
    def rows_per_second(self) -> float | None:
        """Rows a second, or None when it was not measured."""
        return self.rows / self.seconds if self.seconds else None


@dataclass(frozen=True)
class Decoding:
    """How long JSON decoding alone takes on the bytes of a batch request, on the server's core."""

    decoder: str
    door: str
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Switch:
    """Moves of the stage while requests came at a constant rate. Times in microseconds."""

    rate: int
    switches: int
    requests: int
    errors: int
    mixed: int
    steady_p99: float = 0.0
    switching_p99: float = 0.0
    seconds_until_served: tuple[float, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Soak:
    """Memory of the service's processes over many requests: (requests so far, bytes of PSS)."""

    samples: tuple[tuple[int, int], ...]
    errors: int
    reason: str = ""

    @property
    def growth(self) -> float | None:
        """How much larger memory was at the end than after the first tenth, as a share; None if it was too short."""
        if self.reason or len(self.samples) < FEWEST_SAMPLES:
            return None
        settled = next(size for count, size in self.samples if count >= self.samples[-1][0] / 10)
        return self.samples[-1][1] / settled - 1


@dataclass
class Results:
    """One run of the benchmark."""

    date: str
    machine: str
    load_average: float
    commit: str
    rounds: int
    seconds: float
    contests: list[Contest] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    decodings: list[Decoding] = field(default_factory=list)
    switch: Switch | None = None
    soak: Soak | None = None
    fsync_seconds: float | None = None

    def contest(self, name: str) -> Contest | None:
        """The contender of that name if it was measured."""
        return next((entry for entry in self.contests if entry.name == name and entry.rounds), None)
