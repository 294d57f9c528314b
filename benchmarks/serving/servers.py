"""Start a contender on the server's core, wait for its first right answer, and leave nothing of it behind.

```python
with Servers(folder, cores) as servers, servers.running(contender, place) as server:
    server.port, server.ready_seconds
```
"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.serving import process_tree
from benchmarks.serving.contenders import Contender, Workplace
from benchmarks.serving.environments import slug
from benchmarks.serving.machine import Cores, bench_environment, pinned_to
from benchmarks.serving.process_tree import Process
from benchmarks.serving.results import Memory, NotMeasured
from vouchml.errors import VouchError
from vouchml.project.children import Child, Children, last_lines

READY_WITHIN_SECONDS = 120.0
LOOK_SECONDS = 0.005
TOLERANCE = 1e-9
# A server whose model is still loading answers 404 or 503; these do not pass.
REFUSALS = (400, 413, 415, 422)
HOST = "127.0.0.1"
PORTS = (20_000, 32_000)


@dataclass(frozen=True)
class Server:
    """A contender that runs and has given its first right answer `ready_seconds` after it was started."""

    contender: Contender
    place: Workplace
    port: int
    ready_seconds: float
    child: Child

    def processes(self) -> list[Process]:
        """What runs of it now, and how much each has worked."""
        return process_tree.tree(self.child.group)

    def memory(self, before: Sequence[Process] = ()) -> Memory:
        """What it takes now; its worker is the process that worked most since `before`."""
        return process_tree.memory(self.child.group, before)

    def forget_log(self) -> None:
        """Give back the disk that its log has taken; one line a request adds up."""
        os.truncate(self.child.log, 0)


class Servers:
    """Starts one contender at a time. A guard ends it even if this process is killed."""

    def __init__(self, logs: Path, cores: Cores) -> None:
        self._children = Children(logs=logs)
        self._cores = cores

    def __enter__(self) -> Self:
        self._children.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._children.__exit__(kind, error, traceback)

    @contextmanager
    def running(self, contender: Contender, place: Workplace) -> Iterator[Server]:
        """The contender, from its first right answer on; ended afterwards with all that it started.

        Raises:
            NotMeasured: it does not start, or answers something else than the model's probability.
        """
        port = free_port()
        command = ["taskset", "--cpu-list", str(self._cores.server), *contender.command(place, port)]
        began = time.perf_counter()
        child = self._children.start(
            slug(contender.name), command, cwd=place.folder, environment=_environment(contender, place)
        )
        try:
            with pinned_to(self._cores.client):
                self._wait_for_the_right_answer(contender, place, port)
            yield Server(contender, place, port, time.perf_counter() - began, child)
        finally:
            self._end(child, port)

    def _wait_for_the_right_answer(self, contender: Contender, place: Workplace, port: int) -> None:
        body = contender.body(place.model)
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        problem = "nothing answers"
        while time.monotonic() < deadline:
            try:
                self._children.check()
            except VouchError as error:
                raise NotMeasured(f"does not start: {_reason(self._children.running[-1])}") from error
            try:
                status, answer = post(port, contender.path, body)
            except (OSError, http.client.HTTPException):
                time.sleep(LOOK_SECONDS)
                continue
            if status == http.HTTPStatus.OK:
                check_answer(contender, place, answer)
                return
            problem = f"HTTP {status}"
            if status in REFUSALS:
                raise NotMeasured(f"it refuses the row: HTTP {status}")
            time.sleep(LOOK_SECONDS)
        raise NotMeasured(
            f"not ready after {READY_WITHIN_SECONDS:g} s: {problem}; {_reason(self._children.running[-1])}"
        )

    def _end(self, child: Child, port: int) -> None:
        # Some servers put their workers into groups of their own, which a signal to the group does not reach.
        below = process_tree.tree(child.group)
        self._children.stop()
        for process in below:
            if process_tree.is_running(process):
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            raise SystemExit(f"Port {port} is still listened on after {child.name} was ended.")


def free_port() -> int:
    """A port that nothing listens on.

    Below those that the system gives to clients: one that asks again and again for a port of that range, before the
    server listens there, is sooner or later given that very port and connected to itself.
    """
    while True:
        port = random.randrange(*PORTS)
        with suppress(OSError), socket.socket() as listener:
            listener.bind((HOST, port))
            return port


def post(port: int, path: str, body: bytes, *, seconds: float = 60.0) -> tuple[int, bytes]:
    """Post JSON on a connection of its own."""
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def check_answer(contender: Contender, place: Workplace, answer: bytes) -> None:
    """Compare the probability with scikit-learn's own.

    Raises:
        NotMeasured: it differs by more than 1e-9, or is not there.
    """
    try:
        given = contender.probability(answer)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise NotMeasured(f"its answer holds no probability ({type(error).__name__})") from error
    difference = abs(given - place.model.expected)
    if not difference <= TOLERANCE:
        raise NotMeasured(f"its answer differs from the model's by {difference:.1e}")


def _environment(contender: Contender, place: Workplace) -> dict[str, str]:
    common = bench_environment()
    # What the environment of the bench holds must not be found before what the peer's own holds.
    path = os.pathsep.join((str(place.python.parent), common.get("PATH", "")))
    model = {"BENCH_MODEL": str(place.model.export), "PATH": path}
    return common | model | dict(contender.environment(place))


def _reason(child: Child) -> str:
    """The last line that it wrote, without the places of this machine."""
    lines = last_lines(child.log, 1) or ["it wrote nothing"]
    text = lines[0].strip()
    return re.sub(r"(?<![\w.:])/(?:[\w.@+-]+/)+", "…/", text)[:200]
