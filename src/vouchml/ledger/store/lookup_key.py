"""The number under which a record is found by one of its ids: 64 bits, so that ids of any length take the same room.

Two ids may have the same number; the leaf tells them apart. Callers choose ids, so each is hashed: nobody can choose
many with the same number and have every look at one of them read all of them.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

KEY_BYTES: Final = 8


def lookup_key(name: str) -> bytes:
    """The first 8 bytes of the SHA-256 of an id."""
    return sha256(name.encode(errors="surrogatepass")).digest()[:KEY_BYTES]
