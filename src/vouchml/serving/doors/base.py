"""What every door can do, and what a request brings to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from vouchml.errors import BodyTypeUnsupported, VouchError
from vouchml.ledger.record import Record
from vouchml.serving.reply import Reply
from vouchml.trust.caller import Scope

#: From this many bytes on, a body takes long enough to decode to hold up others on the event loop.
LONG_BODY: Final = 256 * 1024


@dataclass(slots=True)
class Call:
    """One request on its way through a door.

    `request_id` is made up at first, and becomes the caller's when the body names one, with `name`; the reply carries
    it, whether it is an answer or a refusal. `scopes` are what the caller may do. `records` are what the ledger has to
    hold before the answer leaves. `rows_under_way` are those that it has of the worker's budget.
    """

    headers: Mapping[bytes, bytes]
    request_id: str
    caller: str | None = None
    scopes: frozenset[Scope] = frozenset()
    body: bytes = b""
    records: Sequence[Record] = ()
    rows_under_way: int = 0
    is_named: bool = False

    def name(self, request_id: str | None) -> None:
        """Take the name that the caller gave the request, if it gave one."""
        if request_id is not None:
            self.request_id, self.is_named = request_id, True


class Door(Protocol):
    """One way to ask for predictions. A door holds no state of a request; all of that is in the call."""

    @property
    def name(self) -> str:
        """What metrics and logs call it."""
        ...

    @property
    def longest_body(self) -> int:
        """The most bytes that are read."""
        ...

    def check_headers(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a body that is not declared as one that the door reads.

        Raises:
            BodyTypeUnsupported: the type, charset or compression is another.
        """
        ...

    async def answer(self, call: Call) -> Reply:
        """Decode the body, score, and answer.

        Raises:
            VouchError: the request is refused, or nothing can answer it.
        """
        ...

    def refuse(self, error: VouchError, call: Call) -> Reply:
        """The error in the words of the protocol."""
        ...


def check_json_type(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that is not declared as plain `application/json`.

    Raises:
        BodyTypeUnsupported: the type is missing, another type, another charset than UTF-8, or compressed.
    """
    declared = headers.get(b"content-type", b"")
    if declared == b"application/json" and b"content-encoding" not in headers:
        return
    kind, *parameters = (part.strip().lower() for part in declared.split(b";"))
    charsets_are_right = all(part in (b"", b"charset=utf-8", b'charset="utf-8"') for part in parameters)
    if kind != b"application/json" or not charsets_are_right or not is_plain(headers):
        raise BodyTypeUnsupported(
            "The body must be declared as JSON in UTF-8, not compressed.",
            remedy="Send the header Content-Type: application/json.",
        )


def is_plain(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body is not compressed."""
    return headers.get(b"content-encoding", b"identity").strip().lower() == b"identity"
