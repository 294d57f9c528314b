"""What a door answers: a status, headers and bytes, whoever sends them."""

from __future__ import annotations

from typing import Final, NamedTuple

Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")


class Reply(NamedTuple):
    """A whole answer. `headers` hold all but those of the service itself, which every answer gets."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = (JSON,)
