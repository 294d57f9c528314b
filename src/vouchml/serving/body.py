"""Read a request body: only what is declared as JSON, and never more bytes than allowed."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect

from vouchml.errors import BodyMalformed, BodyTooLarge, BodyTypeUnsupported


def check_json_type(request: Request) -> None:
    """Refuse a body that is not declared as plain `application/json`.

    Raises:
        BodyTypeUnsupported: it is missing, another type, another charset than UTF-8, or compressed.
    """
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets_are_right = all(part in ("", "charset=utf-8", 'charset="utf-8"') for part in parameters)
    plain = request.headers.get("content-encoding", "identity").strip().lower() == "identity"
    if kind != "application/json" or not charsets_are_right or not plain:
        raise BodyTypeUnsupported(
            "The body must be declared as JSON in UTF-8, not compressed.",
            remedy="Send the header Content-Type: application/json.",
        )


async def read_body(request: Request, *, limit: int) -> bytes:
    """The body, at most `limit` bytes; reading stops at the first chunk beyond.

    Raises:
        BodyTooLarge: it is longer, by its Content-Length or by what has arrived.
        BodyMalformed: the caller hung up before its end.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit)
    chunks: list[bytes] = []
    length = 0
    try:
        async for chunk in request.stream():
            length += len(chunk)
            if length > limit:
                raise _too_large(limit)
            chunks.append(chunk)
    except ClientDisconnect:
        raise BodyMalformed("The connection closed before the body ended.") from None
    return b"".join(chunks)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is longer than {limit} bytes.",
        remedy="Send one row a request, or raise [serving] max_body_bytes.",
    )
