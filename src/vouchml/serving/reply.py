"""What a door answers: a status, headers and bytes, whoever sends them."""

from __future__ import annotations

from typing import Final, NamedTuple

Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")
CLOSE: Final[Header] = (b"connection", b"close")

#: The rest of a body that was not read stands in the way of the next request, so the connection ends.
CLOSING_STATUSES: Final = frozenset({401, 403, 408, 413})


class Reply(NamedTuple):
    """A whole answer. `headers` hold all but those of the service itself, which every answer gets."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = (JSON,)


def wire_headers(reply: Reply) -> list[Header]:
    """The headers of `reply` as they are sent, but for those that every answer gets."""
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    if reply.status in CLOSING_STATUSES:
        headers.append(CLOSE)
    return headers
