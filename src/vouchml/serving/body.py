"""Read a request body: never more bytes than allowed, and never longer than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Mapping, MutableMapping
from contextlib import suppress
from types import coroutine
from typing import Any, Final

from vouchml.errors import BodyMalformed, BodyTooLarge, BodyTooSlow

PASS_OVER_SECONDS: Final = 2.0
PASS_OVER_BYTES: Final = 16 * 1024 * 1024

Message = MutableMapping[str, Any]
#: ASGI calls it an awaitable; servers and Starlette give a coroutine, and `read_body` needs one.
Receive = Callable[[], Any]


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, *, limit: int, seconds: float) -> bytes:
    """The body, at most `limit` bytes; reading stops at the first chunk beyond.

    Raises:
        BodyTooLarge: it is longer, by its Content-Length or by what has arrived.
        BodyTooSlow: it has not arrived within `seconds`.
        BodyMalformed: the caller hung up before its end.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit)
    # Nearly always the body has arrived with its headers. Then there is nothing to wait for, and no timer to set.
    receiving = receive()
    try:
        waits_for = receiving.send(None)
    except StopIteration as arrived:
        message: Message = arrived.value
        if message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit) from None
            return body
        first = _already(message)
    else:
        first = _go_on(receiving, waits_for)
    try:
        async with asyncio.timeout(seconds):
            return await _rest(await first, receive, limit)
    except TimeoutError:
        raise BodyTooSlow(
            f"The body did not arrive within {seconds:g} seconds.",
            remedy="Send it faster, or raise [serving] body_seconds.",
        ) from None


async def pass_over(receive: Receive) -> None:
    """Read what is left of a body, but not for long and not much, and forget it.

    A connection that is closed with bytes unread is reset, and the reset can take away the answer that was sent
    (RFC 9112, section 9.6). Most callers read it only when they have sent all they have.
    """
    passed = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(PASS_OVER_SECONDS):
            while passed <= PASS_OVER_BYTES:
                message: Message = await receive()
                passed += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


@coroutine
def _go_on(begun: Coroutine[Any, Any, Message], waits_for: Any) -> Generator[Any, Any, Message]:
    """Await the rest of a coroutine that was begun by hand and `waits_for` something."""
    while True:
        try:
            given = yield waits_for
        except BaseException as thrown:  # noqa: BLE001 - cancellation must reach the coroutine
            step: Callable[[Any], Any] = begun.throw
            argument: Any = thrown
        else:
            step, argument = begun.send, given
        try:
            waits_for = step(argument)
        except StopIteration as done:
            message: Message = done.value
            return message


async def _already(message: Message) -> Message:
    return message


async def _rest(message: Message, receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    length = 0
    while message["type"] == "http.request":
        chunk: bytes = message.get("body", b"")
        length += len(chunk)
        if length > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()
    raise BodyMalformed("The connection closed before the body ended.")


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is longer than {limit} bytes.",
        remedy="Send less in one request, or raise [serving] max_body_bytes or max_batch_bytes.",
    )
