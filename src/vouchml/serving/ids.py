"""Names for requests and predictions: UUIDs of version 7 (RFC 9562, section 5.7) as 32 hexadecimal characters.

They begin with the time, so that the ledger finds those of one time beside each other, and have 74 random bits, so that
no one can foresee them.
"""

from __future__ import annotations

import os
import time
from typing import Final

_AT_ONCE: Final = 512
_RANDOM_BYTES: Final = 10
_VARIANTS: Final = "89ab"


class NewIds:
    """Makes ids, one after another. Used from one thread."""

    def __init__(self) -> None:
        self._tails: list[str] = []
        self._millisecond = -1
        self._head = ""

    def __call__(self) -> str:
        """A new id."""
        tails = self._tails
        if not tails:
            # One call of the system for many: alone it would cost more than scoring a row.
            tails.extend(_tails())
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond, self._head = millisecond, f"{millisecond:012x}7"
        return self._head + tails.pop()


def _tails() -> list[str]:
    """What follows the time and the version: 12 random bits, the variant, 62 random bits."""
    text, width = os.urandom(_RANDOM_BYTES * _AT_ONCE).hex(), 2 * _RANDOM_BYTES
    parts = (text[start : start + width] for start in range(0, len(text), width))
    return [f"{part[:3]}{_VARIANTS[int(part[3], 16) & 3]}{part[4:19]}" for part in parts]
