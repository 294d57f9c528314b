"""What the ledger keeps: a *leaf*, public and without personal data, and a *payload*, which can be erased.

A leaf names its payload by a commitment, SHA-256(domain ‖ 32 random bytes ‖ payload). Without the random bytes, the
salt, nobody can find the payload of a leaf by trying likely rows; with the payload its salt is erased.

Leaf and payload are JSON in the form of RFC 8785. docs/ledger-format.md has the format byte by byte.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple

from vouchml.canonical_json import canonical_json

FORMAT_VERSION: Final = 1
SALT_BYTES: Final = 32
COMMITMENT_DOMAIN: Final = b"vouchml/payload/v1\n"
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class RecordType(StrEnum):
    """What a record tells of."""

    PREDICTION = "prediction"
    REFUSAL = "refusal"
    MODEL_LOADED = "model_loaded"
    ADMISSION_REFUSED = "admission_refused"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    DECISION = "decision"
    APPROVAL = "approval"
    REVOCATION = "revocation"
    BREAK_GLASS = "break_glass"
    CONFIG_CHANGE = "config_change"
    OUTCOME = "outcome"
    ERASURE = "erasure"
    RETENTION_PRUNE = "retention_prune"
    HOLD = "hold"
    RELEASE = "release"
    KEY_ROTATION = "key_rotation"
    GAP = "gap"
    START = "start"
    STOP = "stop"


#: The records that come by the thousand; all others are events, which are also kept in a list of their own.
FREQUENT: Final = frozenset({RecordType.PREDICTION, RecordType.REFUSAL})


class Record(NamedTuple):
    """One record on its way into the ledger.

    `served` are the bytes of the leaf's value of that name, which stores keep once; empty where that is null.
    `ids` are what the record can be found by.
    """

    type: RecordType
    leaf: bytes
    served: bytes = b""
    salt: bytes | None = None
    payload: bytes | None = None
    ids: tuple[str, ...] = ()


def commitment(salt: bytes, payload: bytes) -> str:
    """What a leaf says of its payload: SHA-256(domain ‖ salt ‖ payload), 43 characters of base64url."""
    return encoded_commitment(salt, payload).decode()


def encoded_commitment(salt: bytes, payload: bytes) -> bytes:
    """The same as ASCII, base64url without padding (RFC 4648, section 5), made for every prediction."""
    digest = sha256(COMMITMENT_DOMAIN + salt + payload).digest()
    return b2a_base64(digest, newline=False).translate(_URL_SAFE)[:43]


def time_text(moment: datetime) -> str:
    """`moment`, in UTC, as a leaf has it: RFC 3339 with six decimals and `Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event(
    kind: RecordType,
    fields: Mapping[str, Any],
    *,
    time: datetime,
    payload: Mapping[str, Any] | None = None,
    ids: tuple[str, ...] = (),
) -> Record:
    """A record of anything but a prediction; `fields` stand in the leaf beside `type`, `time` and `v`."""
    leaf: dict[str, Any] = {**fields, "time": time_text(time), "type": kind.value, "v": FORMAT_VERSION}
    if payload is None:
        return Record(kind, canonical_json(leaf), ids=ids)
    salt, content = os.urandom(SALT_BYTES), canonical_json(payload)
    leaf["commitment"] = commitment(salt, content)
    return Record(kind, canonical_json(leaf), salt=salt, payload=content, ids=ids)
