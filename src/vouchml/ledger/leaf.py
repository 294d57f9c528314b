"""Read a leaf back: check that it is one, and say which payloads it erases."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NoReturn

from vouchml.canonical_json import canonical_json
from vouchml.errors import LedgerInvalid
from vouchml.ledger.record import FORMAT_VERSION, RecordType

#: The records that erase payloads; the leaf's `erased` says which.
ERASING: Final = frozenset({RecordType.ERASURE, RecordType.RETENTION_PRUNE})

# As a tuple, since what a leaf says may be of any type.
_TYPES: Final = tuple(kind.value for kind in RecordType)
_TIME: Final = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z")
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


class Span(NamedTuple):
    """The records from `start` to `end`, which is exclusive."""

    start: int
    end: int


def read_leaf(leaf: bytes) -> Mapping[str, Any]:
    """The fields of a leaf.

    Raises:
        LedgerInvalid: it is not a JSON object in the form of RFC 8785 with the `v`, `type` and `time` of a leaf, or its
            `commitment` is not 43 characters of base64url.
    """
    fields = _canonical_object(leaf)
    if fields.get("v") != FORMAT_VERSION or isinstance(fields["v"], bool):
        raise LedgerInvalid(f"The leaf is not of format {FORMAT_VERSION}.")
    if fields.get("type") not in _TYPES:
        raise LedgerInvalid("The leaf has no type that this format knows.")
    if not isinstance(fields.get("time"), str) or not _TIME.fullmatch(fields["time"]):
        raise LedgerInvalid("The leaf has no time in RFC 3339 with six decimals and Z.")
    commitment = fields.get("commitment", "A" * 43)
    if not isinstance(commitment, str) or not _HASH.fullmatch(commitment):
        raise LedgerInvalid("The leaf's commitment is not 32 bytes in base64url.")
    return fields


def erased_spans(fields: Mapping[str, Any]) -> tuple[Span, ...]:
    """Whose payloads a leaf erases, as its `erased` says, `[[start, end], …]`; none unless it is of a type that erases.

    Raises:
        LedgerInvalid: `erased` is not a list of spans.
    """
    if fields.get("type") not in ERASING:
        return ()
    spans = fields.get("erased")
    if not isinstance(spans, list) or not all(_is_span(span) for span in spans):
        raise LedgerInvalid("The leaf does not say which payloads it erases: erased is not a list of [start, end].")
    return tuple(Span(start, end) for start, end in spans)


def erases(fields: Mapping[str, Any], index: int) -> bool:
    """Whether a leaf erases the payload of record `index`.

    Raises:
        LedgerInvalid: `erased` is not a list of spans.
    """
    return any(start <= index < end for start, end in erased_spans(fields))


def _canonical_object(leaf: bytes) -> dict[str, Any]:
    try:
        fields = _plainly_canonical(leaf)
        is_canonical = fields is not None
        if not is_canonical:
            fields = json.loads(leaf.decode())
            # Equal bytes also mean that no key stands twice, and that no number is NaN or too large.
            is_canonical = canonical_json(fields) == leaf
    except (ValueError, RecursionError):  # what rfc8785 raises is a ValueError too
        is_canonical, fields = False, None
    if not is_canonical or not isinstance(fields, dict):
        raise LedgerInvalid("The leaf is not a JSON object in the form of RFC 8785.")
    return fields


def _plainly_canonical(leaf: bytes) -> Any:
    """What a leaf says whose form needs nothing that RFC 8785 has and Python has not; None where it may.

    Nearly all are such: a trace reads a leaf of each event that it looks at, and this takes a third of the time. ASCII
    is sorted and escaped the same way by both, so only numbers are left, of which small integers are written the same.
    """
    if not leaf.isascii():
        return None
    try:
        said = _PLAIN_READER.decode(leaf.decode())
        return said if _PLAIN_WRITER.encode(said).encode() == leaf else None
    except ValueError:
        return None


def _small(digits: str) -> int:
    # From 2^53 on, of 16 digits, numbers are not exact.
    return int(digits) if len(digits) < 16 else _not_plain(digits)


def _not_plain(digits: str) -> NoReturn:
    raise ValueError(digits)


_PLAIN_READER: Final = json.JSONDecoder(parse_int=_small, parse_float=_not_plain, parse_constant=_not_plain)
_PLAIN_WRITER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def _is_span(span: object) -> bool:
    if not isinstance(span, list) or len(span) != 2 or not all(type(end) is int for end in span):
        return False
    return bool(0 <= span[0] < span[1])
