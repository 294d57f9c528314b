"""Load a server with wrk from the client's core."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from benchmarks.serving.machine import Cores
from benchmarks.serving.results import Load, NotMeasured
from benchmarks.serving.servers import HOST, Server

SCRIPT = Path(__file__).with_name("post.lua")
PATIENCE_SECONDS = 30.0


def load(server: Server, cores: Cores, *, connections: int, seconds: float) -> Load:
    """Post the first row over and over, each connection waiting for its answer before it sends again.

    Raises:
        NotMeasured: wrk failed, or nothing was answered.
    """
    body = server.place.folder / "body.json"
    body.write_bytes(server.contender.body(server.place.model))
    url = f"http://{HOST}:{server.port}{server.contender.path}"
    options = ["--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s"]
    # wrk counts an answer that takes longer as an error.
    patience = ["--timeout", "20s"]
    command = ["taskset", "--cpu-list", str(cores.client), "wrk", *options, *patience, "--script", str(SCRIPT), url]
    environment = {**os.environ, "BENCH_BODY": str(body)}
    limit = seconds + PATIENCE_SECONDS
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"wrk did not end within {limit:g} s") from None
    found = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not found:
        raise NotMeasured(f"wrk failed: {(done.stderr or done.stdout).strip()[-200:]}")
    seen = json.loads(found[0])
    if not seen["requests"]:
        raise NotMeasured(f"no request was answered within {seconds:g} s on {connections} connections")
    return Load(
        requests=seen["requests"],
        requests_per_second=seen["requests"] / (seen["microseconds"] / 1e6),
        p50=seen["p50"],
        p99=seen["p99"],
        errors=seen["errors"],
    )
