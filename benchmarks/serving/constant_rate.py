"""Ask at a constant rate, whether answers come or not: what callers who do not know of each other do.

A request that finds no idle connection waits in a queue, and its wait counts. The tick of the client's own timer,
about a millisecond, does not: a request begins when the client wakes up for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

HOST = "127.0.0.1"
MOST_CONNECTIONS = 256
LAST_ANSWERS_WITHIN_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """One answer. `began` is on the clock of `time.perf_counter`; status 0 means that none came."""

    began: float
    seconds: float
    status: int
    body: bytes


class ConstantRate:
    """`rate` requests a second with the same bytes, until it is stopped. Answers gather in `answers`."""

    def __init__(self, port: int, path: str, body: bytes, *, rate: int) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self.request = f"{head}\r\n\r\n".encode() + body
        self.answers: list[Answer] = []
        self._port = port
        self._interval = 1.0 / rate
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[float] = deque()
        self._open = 0
        self._asked = 0
        self._stopped = False

    async def run(self) -> None:
        """Ask until stopped, then wait for the last answers."""
        begin = time.perf_counter()
        while not self._stopped:
            while begin + self._asked * self._interval <= (now := time.perf_counter()):
                self._asked += 1
                await self._ask(now)
            await asyncio.sleep(max(0.0, begin + self._asked * self._interval - time.perf_counter()))
        deadline = time.perf_counter() + LAST_ANSWERS_WITHIN_SECONDS
        while len(self.answers) < self._asked and time.perf_counter() < deadline:
            await asyncio.sleep(0.01)
        missing = self._asked - len(self.answers)
        self.answers += [Answer(time.perf_counter(), 0.0, 0, b"")] * missing
        for connection in self._idle:
            connection.close()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True

    async def _ask(self, now: float) -> None:
        """Send the requests that wait, this one last, as far as there are connections for them."""
        self._waiting.append(now)
        while self._waiting and (connection := await self._free_connection()):
            if self._waiting:
                connection.send(self.request, self._waiting.popleft())
            else:  # another connection became free while this one was opened
                self._idle.append(connection)

    async def _free_connection(self) -> _Connection | None:
        """The connection that has been idle longest, so that none is idle for long; else a new one; else none."""
        while self._idle:
            connection = self._idle.popleft()
            if not connection.is_closed:
                return connection
        if self._open == MOST_CONNECTIONS:
            return None
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(self), HOST, self._port)
        except OSError:
            if self._waiting:
                began = self._waiting.popleft()
                self.answers.append(Answer(began, time.perf_counter() - began, 0, b""))
            return None
        return connection

    def opened(self) -> None:
        """A connection says that it is open."""
        self._open += 1

    def lost(self) -> None:
        """A connection says that it is closed."""
        self._open -= 1

    def answered(self, connection: _Connection, answer: Answer) -> None:
        """A connection hands over an answer and is free for the next request."""
        self.answers.append(answer)
        if connection.is_closed:
            return
        if self._waiting:
            connection.send(self.request, self._waiting.popleft())
        else:
            self._idle.append(connection)


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer by Content-Length, the next request."""

    def __init__(self, load: ConstantRate) -> None:
        self.is_closed = False
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._began: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.opened()

    def send(self, request: bytes, began: float) -> None:
        """Send a request that began at `began`; one on a closed connection is answered with nothing."""
        self._began, self._received = began, b""
        if self._transport is None or self.is_closed:
            self._finish(0, b"")
        else:
            self._transport.write(request)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and len(body) >= _length(head):
            self._finish(int(head[9:12]), body)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self._load.lost()
        self._finish(0, b"")

    def _finish(self, status: int, body: bytes) -> None:
        began, self._began = self._began, None
        if began is not None:
            self._load.answered(self, Answer(began, time.perf_counter() - began, status, body))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
