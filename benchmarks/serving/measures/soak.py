"""Memory over millions of requests: it must not grow with them."""

from __future__ import annotations

from benchmarks.serving.contenders import Contender, Workplace
from benchmarks.serving.machine import Cores
from benchmarks.serving.measures.contest import Progress
from benchmarks.serving.results import NotMeasured, Soak
from benchmarks.serving.servers import Servers
from benchmarks.serving.wrk import load

CONNECTIONS = 32
SECONDS_A_SAMPLE = 5.0


def measure_soak(
    contender: Contender, place: Workplace, servers: Servers, cores: Cores, progress: Progress, *, requests: int
) -> Soak:
    """Load the service until it has answered `requests`, and look at its memory every few seconds."""
    samples: list[tuple[int, int]] = []
    count = errors = 0
    try:
        with servers.running(contender, place) as server:
            while count < requests:
                seen = load(server, cores, connections=CONNECTIONS, seconds=SECONDS_A_SAMPLE)
                count, errors = count + seen.requests, errors + seen.errors
                samples.append((count, server.memory().pss))
                server.forget_log()
                progress(f"Soak: {count:,} of {requests:,} requests, {samples[-1][1] / 2**20:.1f} MiB")
    except NotMeasured as reason:
        return Soak(tuple(samples), errors, reason=str(reason))
    return Soak(tuple(samples), errors)
