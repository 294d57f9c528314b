"""Prove that a record is in a tree, and that a later tree only added to an earlier one (RFC 6962 §2.1; RFC 9162 §2.1).

A ledger keeps leaves and the nodes of every eighth level. A proof reads whole *tiles* of them, at most 256 hashes each:
one on the way up and one at the right edge, for every eight levels.

```python
proof = inclusion_proof(index, size, store)
verify_inclusion(leaf_hash(leaf), index, size, proof, root)
```
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Protocol

from vouchml.errors import LedgerInvalid, ProofInvalid
from vouchml.ledger.tree import EMPTY_ROOT, HASH_BYTES, TILE, TILE_LEVELS, CompactRange, node_hash

_NODE: Final = b"\x01"


class HashReader(Protocol):
    """What proofs read from: leaf hashes as level 0, and the complete nodes of levels 8, 16 and so on."""

    def read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """The hashes of the places `start` to `end` (exclusive) of a level; never more than 256."""
        ...


def root_at(size: int, hashes: HashReader) -> bytes:
    """The root of the first `size` leaves.

    Raises:
        LedgerInvalid: a hash is missing.
    """
    return _Tiles(hashes, size).root_of(0, size)


def inclusion_proof(index: int, size: int, hashes: HashReader) -> tuple[bytes, ...]:
    """The audit path of leaf `index` in the tree of the first `size` leaves: RFC 6962 §2.1.1, PATH, deepest first.

    Raises:
        ProofInvalid: there is no such leaf in a tree of that size.
        LedgerInvalid: a hash is missing.
    """
    return Tree(size, hashes).inclusion_proof(index)


class Tree:
    """The tree of the first `size` leaves, for several proofs: what they have in common is read and hashed once."""

    def __init__(self, size: int, hashes: HashReader) -> None:
        self.size = size
        self._tiles = _Tiles(hashes, size)

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """The audit path of leaf `index`; see `inclusion_proof`.

        Raises:
            ProofInvalid: there is no such leaf.
            LedgerInvalid: a hash is missing.
        """
        size, tiles = self.size, self._tiles
        if not 0 <= index < size:
            raise ProofInvalid(f"A tree of {size} records has no record {index}.")
        path = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(tiles.root_of(middle, end))
                end = middle
            else:
                path.append(tiles.root_of(start, middle))
                start = middle
        return tuple(reversed(path))


def consistency_proof(first: int, second: int, hashes: HashReader) -> tuple[bytes, ...]:
    """The proof that the first `second` leaves begin with the first `first`: RFC 6962 §2.1.2, PROOF.

    Empty for `first` = 0 and for equal sizes, where there is nothing to prove.

    Raises:
        ProofInvalid: `first` is more than `second`.
        LedgerInvalid: a hash is missing.
    """
    if not 0 <= first <= second:
        raise ProofInvalid(f"A tree of {second} records cannot begin with one of {first}.")
    if first == 0:
        return ()
    tiles, proof = _Tiles(hashes, second), []
    start, end = 0, second
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(tiles.root_of(middle, end))
            end = middle
        else:
            proof.append(tiles.root_of(start, middle))
            start = middle
    if start > 0:  # otherwise this subtree is the whole first tree, whose root the verifier has
        proof.append(tiles.root_of(start, end))
    return tuple(reversed(proof))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with the hash `leaf` is number `index` in the tree of `size` leaves with that root.

    RFC 9162 §2.1.3.2.

    Raises:
        ProofInvalid: it is not, or the proof does not show it.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"A tree of {size} records has no record {index}.")
    _require_hashes(leaf, root, *proof)
    place, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("The inclusion proof is longer than the tree is high.")
        if place & 1 or place == last:
            current = node_hash(sibling, current)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofInvalid("The inclusion proof is shorter than the tree is high.")
    if not compare_digest(current, root):
        raise ProofInvalid(f"Record {index} is not in the tree of {size} records.")


def verify_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `second` leaves begins with the tree of `first` leaves. RFC 9162 §2.1.4.2.

    The empty tree is the beginning of every tree, and has but one root.

    Raises:
        ProofInvalid: it does not, or the proof does not show it.
    """
    _require_hashes(first_root, second_root, *proof)
    if not 0 <= first <= second:
        raise ProofInvalid(f"A tree of {second} records cannot begin with one of {first}.")
    if first in (0, second):
        _require_equal(first, first_root, second_root if first == second else EMPTY_ROOT, proof)
        return
    if not proof:
        raise ProofInvalid("The consistency proof is empty.")
    # A perfect first tree is a node of the second one, so that its root is not in the proof.
    siblings = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = siblings[0]
    for sibling in siblings[1:]:
        if last == 0:
            raise ProofInvalid("The consistency proof is longer than the tree is high.")
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofInvalid("The consistency proof is shorter than the tree is high.")
    if not (compare_digest(old, first_root) and compare_digest(new, second_root)):
        raise ProofInvalid(f"The tree of {second} records does not begin with the one of {first} records.")


def _require_equal(size: int, root: bytes, other: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofInvalid("There is nothing to prove, so the consistency proof must be empty.")
    if not compare_digest(root, other):
        raise ProofInvalid(f"Two trees of {size} records have different roots.")


def perfect_subtrees(size: int, hashes: HashReader) -> CompactRange:
    """The compact range of the first `size` leaves, from what the ledger keeps.

    Raises:
        LedgerInvalid: a hash is missing.
    """
    return _Tiles(hashes, size).range_of(0, size)


def halved(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes of the next level up: one for each two; an odd one at the end has none yet."""
    # As `node_hash`, whose call would take as long as the hash.
    return [sha256(_NODE + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=False)]


class _Tiles:
    """The hashes of a tree of `size` leaves; reads each tile once, and computes each root once."""

    def __init__(self, hashes: HashReader, size: int) -> None:
        self._hashes = hashes
        self._size = size
        self._read: dict[tuple[int, int], list[list[bytes]]] = {}
        self._roots: dict[tuple[int, int], bytes] = {}

    def root_of(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]) of RFC 6962, for ranges that its recursion makes."""
        root = self._roots.get((start, end))
        if root is None:
            root = self._roots[start, end] = self.range_of(start, end).root()
        return root

    def range_of(self, start: int, end: int) -> CompactRange:
        """The perfect subtrees of the leaves `start` to `end`."""
        subtrees, left, position = [], end - start, start
        while left:
            level = left.bit_length() - 1
            subtrees.append(self._node(level, position >> level))
            position += 1 << level
            left -= 1 << level
        return CompactRange(end - start, tuple(subtrees))

    def _node(self, level: int, place: int) -> bytes:
        above = level % TILE_LEVELS
        first = place << above  # the leftmost of the kept hashes below this node
        tile = first // TILE
        layers = self._tile(level - above, tile)
        return layers[above][(first - tile * TILE) >> above]

    def _tile(self, level: int, tile: int) -> list[list[bytes]]:
        """All hashes of a tile by their height in it: those that are kept, and what they give."""
        key = (level, tile)
        if key not in self._read:
            start, end = tile * TILE, min((tile + 1) * TILE, self._size >> level)
            layers = [list(self._hashes.read(level, start, end))]
            if len(layers[0]) != end - start:
                raise LedgerInvalid(
                    f"The ledger lacks hashes of level {level} between places {start} and {end}.",
                    remedy="Verify it: vouch ledger verify; restore a copy.",
                )
            while len(layers) < TILE_LEVELS:
                layers.append(halved(layers[-1]))
            self._read[key] = layers
        return self._read[key]


def _split(count: int) -> int:
    """The largest power of two smaller than `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def _require_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofInvalid("A proof is made of hashes of 32 bytes.")
