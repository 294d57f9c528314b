"""uvicorn's HTTP/1.1 with bounds on what comes before and after a body.

uvicorn takes request lines and headers of any length, takes the trailers of a chunked body for headers, and loses the
body of a request that offers to go on in another protocol (`Upgrade: h2c`). Here a head ends with 431 beyond
`LONGEST_HEAD` bytes (RFC 6585, section 5), trailers are dropped (RFC 9110, section 6.5.1), and an offer is passed over
(RFC 9110, section 7.8).
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vouchml.errors import HeadersTooLarge
from vouchml.serving.body import PASS_OVER_BYTES, PASS_OVER_SECONDS
from vouchml.serving.error_replies import error_reply
from vouchml.serving.idle_timer import IdleTimer
from vouchml.serving.layers.security_headers import HEADERS
from vouchml.serving.reply import CLOSE, wire_headers

LONGEST_HEAD: Final = 64 * 1024
_TRAILERS: Final[Any] = deque(maxlen=0)
_OF_AN_OFFER: Final = (b"upgrade", b"http2-settings")
_INVALID: Final = "Invalid HTTP request received."


def limit_heads(server: uvicorn.Server | None) -> None:
    """Have `server`, which has not begun to listen, take connections by this protocol where it takes uvicorn's."""
    if server is not None and server.config.http_protocol_class is HttpToolsProtocol:
        server.config.http_protocol_class = HeadLimitedProtocol


class _HeadTooLong(Exception):
    """Ends the work of the parser."""


class _Offer(NamedTuple):
    """A request that offers another protocol, while the parser is at it, and the one before."""

    method: bytes
    version: str
    cycle: Any


class _PassedOver:
    """Stands for a request that is not answered yet, since it comes again: uvicorn ignores the end of one."""

    response_complete = True


_PASSED_OVER: Final[Any] = _PassedOver()


class HeadLimitedProtocol(HttpToolsProtocol):
    """One connection. It counts bytes since the last of a head, a body or a request came to its end.

    So it needs a look at a head only when that is long, and a head or trailers that do not end are seen as well.
    """

    #: An `IdleTimer`, of which uvicorn, as of its own, wants only that it can be cancelled.
    timeout_keep_alive_task: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._idle = IdleTimer(self.loop, self.timeout_keep_alive, self.timeout_keep_alive_handler)
        self._unended = 0
        self._offer: _Offer | None = None
        self._refused = False
        self._passed_over = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes in, in pieces that are not longer than a head may be."""
        if len(data) > LONGEST_HEAD:
            for start in range(0, len(data), LONGEST_HEAD):
                self.data_received(data[start : start + LONGEST_HEAD])
        elif self._refused:
            self._pass_over(len(data))
        else:
            self._unset_keepalive_if_required()
            self._unended += len(data)
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # The parser has passed the body over; it gets the request again, without the offer.
                self._take_again(data[upgrade.args[0] :])
            except httptools.HttpParserError as error:
                self._end(error)
            if self._unended > LONGEST_HEAD and not self._refused:
                self._refuse()

    def on_headers_complete(self) -> None:
        """Refuse a head that is too long; else begin to answer."""
        if self._unended > LONGEST_HEAD and self._length_of_head() > LONGEST_HEAD:
            raise _HeadTooLong
        self._unended = 0
        if self.parser.should_upgrade():
            method = self.parser.get_method()
            if method != b"CONNECT" and not self._should_upgrade():
                self._offer = _Offer(method, self.parser.get_http_version(), self.cycle)
                self.cycle = _PASSED_OVER
                return
            super().on_headers_complete()
        else:
            super().on_headers_complete()
            # What comes as a header from here on is a trailer.
            self.headers = _TRAILERS

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._unended = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Wait for the next request, without a timer of its own."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle.begin()
        self.timeout_keep_alive_task = self._idle

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the connection."""
        super().connection_lost(exc)
        self._idle.close()

    def _take_again(self, rest: bytes) -> None:
        """Begin again with a request that offers another protocol; `rest` is what follows its head."""
        while request := self._again(rest):
            try:
                self.parser.feed_data(request)
            except httptools.HttpParserUpgrade as upgrade:
                rest = request[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                self._end(error)
                return
            else:
                return

    def _end(self, error: httptools.HttpParserError) -> None:
        if isinstance(error.__context__, _HeadTooLong):
            self._refuse()
        else:
            self._refused = True
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)

    def _again(self, rest: bytes) -> bytes:
        """The request that was just read, without its offer of another protocol, and what follows its head."""
        if self._offer is None:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            return b""
        (method, version, self.cycle), self._offer = self._offer, None
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        lines = [b"%b %b HTTP/%b\r\n" % (method, self.url, version.encode())]
        for name, value in self.headers:
            if name == b"connection":
                kept = (token for token in value.split(b",") if token.strip().lower() not in _OF_AN_OFFER)
                lines.append(b"connection: %b\r\n" % b",".join(kept))
            elif name not in _OF_AN_OFFER:
                lines.append(b"%b: %b\r\n" % (name, value))
        return b"".join((*lines, b"\r\n", rest))

    def _length_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)

    def _refuse(self) -> None:
        """Answer 431, and end the connection when the caller has had time to read that."""
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            # Another answer is on its way, and this one would be taken for it.
            self.transport.close()
            return
        reply = error_reply(
            HeadersTooLarge(
                f"The request line and the headers are longer than {LONGEST_HEAD} bytes together.",
                remedy="Send less in them; what is to be scored goes into the body.",
            )
        )
        headers = [*self.server_state.default_headers, *HEADERS, *wire_headers(reply), CLOSE]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\n%b\r\n%b" % (lines, reply.body))
        self.loop.call_later(PASS_OVER_SECONDS, self.transport.close)

    def _pass_over(self, length: int) -> None:
        self._passed_over += length
        if self._passed_over > PASS_OVER_BYTES:
            self.transport.close()
