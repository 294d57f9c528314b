"""Names for requests and predictions: 128 random bits that no one can foresee, as 32 hexadecimal characters."""

from __future__ import annotations

import os
from typing import Final

_AT_ONCE: Final = 512
_BYTES: Final = 16


class NewIds:
    """Makes ids, one after another. Used from one thread."""

    def __init__(self) -> None:
        self._ids: list[str] = []

    def __call__(self) -> str:
        """A new id."""
        ids = self._ids
        if not ids:
            # One call of the system for many: alone it would cost more than scoring a row.
            text, width = os.urandom(_BYTES * _AT_ONCE).hex(), 2 * _BYTES
            ids.extend([text[start : start + width] for start in range(0, len(text), width)])
        return ids.pop()
