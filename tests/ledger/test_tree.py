from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.errors import LedgerInvalid
from vouchml.ledger.tree import EMPTY_ROOT, TILE, CompactRange, leaf_hash


def merkle_tree_hash(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it stands there."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + merkle_tree_hash(leaves[:k]) + merkle_tree_hash(leaves[k:])).digest()


@given(st.lists(st.lists(st.binary(max_size=8), max_size=20), max_size=8))
def test_a_tree_that_grew_in_any_steps_has_the_root_of_the_rfc(groups: list[list[bytes]]) -> None:
    tree = CompactRange()
    for group in groups:
        tree, _ = tree.extend([leaf_hash(leaf) for leaf in group])
    assert tree.root() == merkle_tree_hash([leaf for group in groups for leaf in group])


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert CompactRange().root() == EMPTY_ROOT == merkle_tree_hash([])


@given(st.integers(0, 3 * TILE))
def test_a_tree_is_read_back_from_its_bytes(size: int) -> None:
    tree, _ = CompactRange().extend([bytes([n % 256]) * 32 for n in range(size)])
    assert CompactRange.from_bytes(tree.size, tree.to_bytes()) == tree


def test_each_tile_that_fills_gives_one_node_which_is_the_root_of_its_leaves() -> None:
    leaves = [str(n).encode() for n in range(2 * TILE + 5)]
    _, completed = CompactRange().extend([leaf_hash(leaf) for leaf in leaves])
    assert [(node.level, node.place) for node in completed] == [(8, 0), (8, 1)]
    assert completed[1].hash == merkle_tree_hash(leaves[TILE : 2 * TILE])


def test_a_tree_of_65536_leaves_gives_a_node_of_the_next_level() -> None:
    _, completed = CompactRange().extend([bytes(32)] * TILE * TILE)
    assert [(node.level, node.place) for node in completed[-2:]] == [(8, 255), (16, 0)]


@pytest.mark.parametrize(("size", "content"), [(1, b""), (3, bytes(32)), (-1, bytes(32)), (2, bytes(64))])
def test_a_head_that_does_not_fit_its_size_is_refused(size: int, content: bytes) -> None:
    with pytest.raises(LedgerInvalid):
        CompactRange.from_bytes(size, content)
