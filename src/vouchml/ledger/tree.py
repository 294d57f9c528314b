"""The Merkle tree of RFC 6962, section 2.1, as it grows: leaf by leaf, keeping only its right edge.

A perfect subtree of 2^n leaves has one hash. A tree of any size is a row of such subtrees, one a bit of its size, the
largest first; that row is its *compact range*, enough to append and to compute the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from vouchml.errors import LedgerInvalid

HASH_BYTES: Final = 32
#: RFC 6962: the hash of a tree without leaves is the hash of nothing.
EMPTY_ROOT: Final = sha256(b"").digest()
#: Hashes inside the tree are kept for every eighth level only; what lies between is computed from 256 of them.
TILE_LEVELS: Final = 8
TILE: Final = 1 << TILE_LEVELS

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


class Node(NamedTuple):
    """The hash over the 2^level leaves from `place` * 2^level on."""

    level: int
    place: int
    hash: bytes


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 ‖ leaf)."""
    return sha256(_LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(_NODE + left + right).digest()


@dataclass(frozen=True, slots=True)
class CompactRange:
    """A tree of `size` leaves as the hashes of its perfect subtrees, the largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extend(self, leaf_hashes: Sequence[bytes]) -> tuple[CompactRange, list[Node]]:
        """The tree with more leaves, and the nodes of every eighth level that they complete."""
        size, hashes, completed = self.size, list(self.hashes), []
        for leaf in leaf_hashes:
            current, level, position = leaf, 0, size
            while position & 1:
                current = sha256(_NODE + hashes.pop() + current).digest()
                position >>= 1
                level += 1
                if level % TILE_LEVELS == 0:
                    completed.append(Node(level, position, current))
            hashes.append(current)
            size += 1
        return CompactRange(size, tuple(hashes)), completed

    def root(self) -> bytes:
        """The root of the tree, 32 bytes."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """The hashes one after another."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, content: bytes) -> CompactRange:
        """Read what `to_bytes` wrote of a tree with `size` leaves.

        Raises:
            LedgerInvalid: it is not as long as a tree of that size needs.
        """
        if size < 0 or len(content) != size.bit_count() * HASH_BYTES:
            raise LedgerInvalid(
                "The ledger's head does not fit its size.", remedy="Verify it: vouch ledger verify; restore a copy."
            )
        hashes = tuple(content[start : start + HASH_BYTES] for start in range(0, len(content), HASH_BYTES))
        return cls(size, hashes)
