"""The bars of the service, as ratios where a ratio can be had, and whether a run met them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.serving.results import Contest, Results

MIB = 2**20
OURS, RAW_LIMIT, MLFLOW, MLSERVER = "vouchml", "raw ASGI", "mlflow models serve", "MLServer"
SQLITE, POSTGRES = "vouchml, ledger in SQLite", "vouchml, ledger in PostgreSQL"
CONNECTIONS_OF_POSTGRES = 64


@dataclass(frozen=True)
class Bar:
    """A bound on a measured number; `measured` is None when this run did not measure it."""

    what: str
    sense: Literal["at least", "at most"]
    bound: float
    unit: str
    measured: float | None

    @property
    def verdict(self) -> str:
        """`met`, `missed` or `not measured`."""
        if self.measured is None:
            return "not measured"
        met = self.measured >= self.bound if self.sense == "at least" else self.measured <= self.bound
        return "met" if met else "missed"


def judge(results: Results) -> tuple[Bar, ...]:
    """Every bar with what this run measured."""
    return (
        *_bars_of_speed(results),
        *_bars_of_the_ledger(results),
        *_bars_of_batches(results),
        *_bars_of_ours(results),
        *_bars_of_time(results),
    )


def best_peer(results: Results) -> Contest | None:
    """The peer with the most requests a second at 32 connections."""
    peers = [entry for entry in results.contests if entry.kind == "peer" and entry.rounds]
    return max(peers, key=lambda entry: entry.requests_per_second(32), default=None)


def _bars_of_speed(results: Results) -> tuple[Bar, ...]:
    ours, raw, peer = results.contest(OURS), results.contest(RAW_LIMIT), best_peer(results)
    slower = ours.p50(1) / raw.p50(1) if ours and raw else None
    name = f" ({peer.name})" if peer else ""
    return (
        Bar("req/s at 32 connections ÷ raw ASGI's", "at least", 0.8, "", _ratio(ours, raw)),
        Bar(f"req/s at 32 connections ÷ the best peer's{name}", "at least", 10, "", _ratio(ours, peer)),
        Bar(f"req/s at 32 connections ÷ {MLFLOW}'s", "at least", 100, "", _ratio(ours, results.contest(MLFLOW))),
        Bar("median at 1 connection ÷ raw ASGI's", "at most", 2, "", slower),
    )


def _bars_of_the_ledger(results: Results) -> tuple[Bar, ...]:
    ours, durable, postgres = results.contest(OURS), results.contest(SQLITE), results.contest(POSTGRES)
    peer = results.contest(MLSERVER)
    waits = None
    if ours and durable and results.fsync_seconds:
        waits = (durable.p50(1) - ours.p50(1)) / 1e6 / results.fsync_seconds
    speed = postgres.requests_per_second(CONNECTIONS_OF_POSTGRES) if postgres else None
    return (
        Bar("ledger in SQLite: req/s at 32 connections ÷ no ledger's", "at least", 0.5, "", _ratio(durable, ours)),
        Bar(f"ledger in SQLite: req/s at 32 connections ÷ {MLSERVER}'s", "at least", 10, "", _ratio(durable, peer)),
        Bar("ledger in SQLite: what it adds to the median at 1 connection", "at most", 2, "fsyncs", waits),
        Bar(f"ledger in PostgreSQL: req/s at {CONNECTIONS_OF_POSTGRES} connections", "at least", 5000, "", speed),
    )


def _bars_of_batches(results: Results) -> tuple[Bar, ...]:
    taken = {entry.door: entry.seconds for entry in results.batches if entry.contender == OURS}
    bars = []
    for decoding in results.decodings:
        seconds = taken.get(decoding.door)
        share = decoding.seconds / seconds if seconds else None
        what = f"10,000 rows to {decoding.door} ÷ {decoding.decoder} alone, in rows/s"
        bars.append(Bar(what, "at least", 0.5, "", share))
    return tuple(bars)


def _bars_of_ours(results: Results) -> tuple[Bar, ...]:
    ours = results.contest(OURS)
    return (
        Bar("ready from a verified cache", "at most", 1.5, "s", ours.cold_start_seconds if ours else None),
        Bar("memory a worker (RSS)", "at most", 150, "MiB", ours.worker_rss / MIB if ours else None),
        Bar("answers that are errors, all rounds", "at most", 0, "", ours.errors if ours else None),
    )


def _bars_of_time(results: Results) -> tuple[Bar, ...]:
    switch = results.switch if results.switch and not results.switch.reason else None
    soak = results.soak
    growth = soak.growth if soak else None
    grown = None if growth is None else growth * 100
    millions = f"{soak.samples[-1][0] / 1e6:.2g}" if soak and soak.samples else "5"
    return (
        Bar("errors while versions switch at 1,000 req/s", "at most", 0, "", switch.errors if switch else None),
        Bar("answers that mix versions", "at most", 0, "", switch.mixed if switch else None),
        Bar("p99 while switching ÷ steady p99", "at most", 3, "", _switching(results)),
        Bar(
            f"growth of memory over {millions} million requests",
            "at most",
            2,
            "%",
            grown,
        ),
    )


def _switching(results: Results) -> float | None:
    switch = results.switch
    return switch.switching_p99 / switch.steady_p99 if switch and switch.steady_p99 else None


def _ratio(ours: Contest | None, other: Contest | None) -> float | None:
    if ours is None or other is None:
        return None
    return ours.requests_per_second(32) / other.requests_per_second(32)
