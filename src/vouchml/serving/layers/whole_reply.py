"""Write a whole reply to uvicorn's connection in one piece.

ASGI sends a reply in two messages, and uvicorn writes each to the socket as it comes: two system calls, and every
header is searched twice for characters that ours cannot have. For a short answer that is half of its cost. Where the
server is uvicorn with httptools and nothing about the connection is out of the ordinary, the same bytes are written
at once; everywhere else the caller sends them as ASGI has it.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from vouchml.serving.reply import Header, Reply


class WholeReplies:
    """Writes replies with status 200. `headers` are those of every answer."""

    def __init__(self, headers: tuple[Header, ...]) -> None:
        self._fixed = _lines(headers) + b"\r\n"
        self._server_headers: Any = None
        self._start = b""

    def write(self, send: Any, reply: Reply) -> bool:
        """Write `reply` to the connection behind `send`; False when it has to be sent message by message."""
        cycle = getattr(send, "__self__", None)
        if type(cycle) is not RequestResponseCycle or reply.status != 200 or not _is_ordinary(cycle):
            return False
        if cycle.default_headers is not self._server_headers:  # uvicorn makes a new list, with a new date, a second
            self._server_headers = cycle.default_headers
            self._start = b"HTTP/1.1 200 OK\r\n" + _lines(cycle.default_headers)
        body = reply.body
        length = b"content-length: %d\r\n" % len(body)
        # What `RequestResponseCycle.send` does for a start and a body that is complete.
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(b"".join([self._start, _lines(reply.headers), length, self._fixed, body]))
        cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True


def _is_ordinary(cycle: RequestResponseCycle) -> bool:
    return not (cycle.flow.write_paused or cycle.disconnected or cycle.response_started or cycle.access_log) and bool(
        cycle.keep_alive
    )


def _lines(headers: Any) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
