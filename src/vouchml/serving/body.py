"""Read a request body: never more bytes than allowed, alone or with those of others, and never longer than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Mapping, MutableMapping
from contextlib import suppress
from types import coroutine
from typing import Any, Final

from vouchml.errors import BodyMalformed, BodyTooLarge, BodyTooSlow
from vouchml.serving.held_bytes import SHORT_BODY, HeldBytes

PASS_OVER_SECONDS: Final = 2.0
PASS_OVER_BYTES: Final = 16 * 1024 * 1024

Message = MutableMapping[str, Any]
#: ASGI calls it an awaitable; servers and Starlette give a coroutine, and `read_body` needs one.
Receive = Callable[[], Any]


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, *, limit: int, seconds: float, held: HeldBytes
) -> bytes:
    """The body, at most `limit` bytes; reading stops at the first chunk beyond.

    One that is longer than `SHORT_BODY` is counted in `held`: whoever is done with it gives it back.

    Raises:
        BodyTooLarge: it is longer, by its Content-Length or by what has arrived.
        BodiesHeld: with it the worker would hold too much, by its Content-Length or by what has arrived.
        BodyTooSlow: it has not arrived within `seconds`.
        BodyMalformed: the caller hung up before its end.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit():
        if len(declared) > 18 or (length := int(declared)) > limit:
            raise _too_large(limit)
        if length > SHORT_BODY:
            held.require_room(length)
    # Nearly always the body has arrived with its headers. Then there is nothing to wait for, and no timer to set.
    receiving = receive()
    try:
        waits_for = receiving.send(None)
    except StopIteration as arrived:
        message: Message = arrived.value
        if message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            _require_within(limit, len(body))
            if len(body) > SHORT_BODY:
                held.take(len(body))
            return body
        first = _already(message)
    else:
        first = _go_on(receiving, waits_for)
    try:
        async with asyncio.timeout(seconds):
            return await _rest(await first, receive, limit, held)
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


async def _rest(message: Message, receive: Receive, limit: int, held: HeldBytes) -> bytes:
    chunks: list[bytes] = []
    length = counted = 0
    try:
        while True:
            chunk = _chunk_of(message)
            length += len(chunk)
            _require_within(limit, length)
            counted = held.take(length, own=counted)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)
            message = await receive()
    except BaseException:  # also of a caller that has gone
        held.give_back(counted)
        raise


def _chunk_of(message: Message) -> bytes:
    if message["type"] != "http.request":
        raise BodyMalformed("The connection closed before the body ended.")
    chunk: bytes = message.get("body", b"")
    return chunk


def _require_within(limit: int, length: int) -> None:
    if length > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is longer than {limit} bytes.",
        remedy="Send less in one request, or raise [serving] max_body_bytes or max_batch_bytes.",
    )
