"""The last answer on a connection says so, and a caller who is still sending gets to read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vouchml.serving.body import Receive, pass_over
from vouchml.serving.draining import Draining
from vouchml.serving.reply import CLOSE


class Farewell:
    """ASGI's `send` for one answer.

    A status for which `leaves_body` holds leaves some of the request unread, and so does an answer that is the last by
    its own word: the connection ends when the rest has been passed over. While the worker drains, every answer is the
    last of its connection.
    """

    def __init__(
        self, send: Any, receive: Receive, leaves_body: Callable[[int], bool], draining: Draining | None = None
    ) -> None:
        self._send = send
        self._receive = receive
        self._leaves_body = leaves_body
        self._draining = draining
        self._passes_over = False

    async def __call__(self, message: Any) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self._passes_over = CLOSE in message["headers"] or self._leaves_body(message["status"])
            ends = self._passes_over or (self._draining is not None and self._draining.begun)
            if ends and CLOSE not in message["headers"]:
                message = {**message, "headers": [*message["headers"], CLOSE]}
        elif self._passes_over and not message.get("more_body", False):
            # The answer is whole for the caller, and not yet at its end for the server.
            await self._send({**message, "more_body": True})
            await pass_over(self._receive)
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)
