"""Callers that give every request an id of its own, and keep what was acknowledged and what may have been recorded."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import suppress
from itertools import count

_HEAD = "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


class CountedLoad:
    """Asks until it is stopped, through every end of the service. `port` may change meanwhile.

    `acknowledged`: request id to prediction id, of whole answers with status 200. `sent`: every request id.
    """

    def __init__(self, port: int, features: dict[str, float], *, callers: int) -> None:
        self.port = port
        self.acknowledged: dict[str, str] = {}
        self.sent: set[str] = set()
        self.refused = 0
        self._features = features
        self._callers = callers
        self._numbers = count()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))

    def __enter__(self) -> CountedLoad:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every caller finish its request."""
        self._stopping.set()
        self._thread.join()

    def until_more(self, answers: int, *, seconds: float) -> None:
        """Wait for so many further answers."""
        wanted, deadline = len(self.acknowledged) + answers, time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, "no answers come any more"
            assert self._thread.is_alive()
            time.sleep(0.01)

    async def _all(self) -> None:
        await asyncio.gather(*(self._caller() for _ in range(self._callers)))

    async def _caller(self) -> None:
        while not self._stopping.is_set():
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), 5)
            except (OSError, TimeoutError):
                await asyncio.sleep(0.02)
                continue
            with suppress(OSError, EOFError, TimeoutError, ValueError):
                while not self._stopping.is_set() and await self._ask(reader, writer):
                    pass
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection can be used again."""
        request_id = f"request-{next(self._numbers)}"
        body = json.dumps({"features": self._features, "request_id": request_id})
        self.sent.add(request_id)
        writer.write((_HEAD.format(len(body)) + body).encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        answer = json.loads(await asyncio.wait_for(reader.readexactly(length), 30))
        if head[9:12] != "200":
            self.refused += 1
            await asyncio.sleep(0.05)
        else:
            self.acknowledged[answer["request_id"]] = answer["prediction_id"]
        return "connection: close" not in head
