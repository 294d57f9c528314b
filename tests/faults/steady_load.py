"""Callers that ask again and again, and know of each request whether it was sent and whether a whole answer came."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

PAUSE_SECONDS = 0.005
AT_MOST_SECONDS = 60.0


@dataclass
class Outcome:
    """What became of the requests."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    turned_away: int = 0
    closed_by_service: int = 0

    @property
    def statuses(self) -> set[int]:
        return {status for status, _ in self.answers}


class SteadyLoad:
    """`callers` keep their connection, and half as many more make a new one for each request."""

    def __init__(self, port: int, features: dict[str, float], *, callers: int = 16) -> None:
        body = json.dumps({"features": features}).encode()
        head = "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._port = port
        self._callers = callers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.outcome = Outcome()

    def __enter__(self) -> SteadyLoad:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> Outcome:
        """Let every caller finish the request that it has under way."""
        self._stopping.set()
        self._thread.join()
        return self.outcome

    def until(self, answers: int) -> None:
        """Wait until so many answers have come."""
        deadline = time.monotonic() + AT_MOST_SECONDS
        while len(self.outcome.answers) < answers:
            assert time.monotonic() < deadline, self.outcome
            time.sleep(0.01)

    def _run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        keeping = [self._caller(keeps=True) for _ in range(self._callers)]
        coming_anew = [self._caller(keeps=False) for _ in range(self._callers // 2)]
        await asyncio.gather(*keeping, *coming_anew)

    async def _caller(self, *, keeps: bool) -> None:
        deadline = time.monotonic() + AT_MOST_SECONDS
        while not self._stopping.is_set() and time.monotonic() < deadline:
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self._port), 5)
            except (OSError, TimeoutError):
                self.outcome.turned_away += 1
                await asyncio.sleep(0.05)
                continue
            try:
                while not self._stopping.is_set() and await self._ask(reader, writer) and keeps:
                    await asyncio.sleep(PAUSE_SECONDS)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection can be used again."""
        if reader.at_eof():
            self.outcome.closed_by_service += 1
            return False
        writer.write(self._request)
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            headers = _headers(head)
            body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 30)
        except (OSError, EOFError, TimeoutError) as error:
            self.outcome.lost.append(repr(error))
            return False
        self.outcome.answers.append((int(head[9:12]), body))
        return headers.get("connection") != "close"


def _headers(head: bytes) -> dict[str, Any]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
