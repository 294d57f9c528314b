"""The number under which a record is found by one of its ids: 64 bits, so that ids of any length take the same room.

Two ids may have the same number; the leaf tells them apart. Ids of 32 hexadecimal digits, as vouchml makes them, are
random already and need no hash.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

KEY_BYTES: Final = 8
_DIGITS_OF_ID: Final = 32


def lookup_key(name: str) -> bytes:
    """The first 8 bytes of an id of 32 hexadecimal digits; of any other, of its SHA-256."""
    if len(name) == _DIGITS_OF_ID:
        try:
            key = bytes.fromhex(name[: 2 * KEY_BYTES])
        except ValueError:
            pass
        else:
            if len(key) == KEY_BYTES:  # fromhex passes over spaces
                return key
    return sha256(name.encode(errors="surrogatepass")).digest()[:KEY_BYTES]
