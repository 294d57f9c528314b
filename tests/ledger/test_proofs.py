from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger import rfc6962

from vouchml.errors import LedgerInvalid, ProofInvalid
from vouchml.ledger.proofs import (
    consistency_proof,
    inclusion_proof,
    perfect_subtrees,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from vouchml.ledger.tree import EMPTY_ROOT, TILE, CompactRange, leaf_hash

# The test vectors of transparency-dev/merkle (proof/verify_test.go), which are those of Certificate Transparency.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# (leaf counted from 1, size, path)
INCLUSION = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (3, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        2,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
# (first size, second size, proof)
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]
SOME_HASH = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")


class KeptHashes:
    """The hashes that a ledger keeps of some leaves, and how often and what was read of them."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.levels: dict[int, list[bytes]] = {0: [leaf_hash(leaf) for leaf in leaves]}
        _, completed = CompactRange().extend(self.levels[0])
        for node in completed:
            kept = self.levels.setdefault(node.level, [])
            assert node.place == len(kept)
            kept.append(node.hash)
        self.reads: list[tuple[int, int, int]] = []

    def read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        self.reads.append((level, start, end))
        return self.levels.get(level, [])[start:end]


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


MANY = numbered(70_000)
KEPT = KeptHashes(MANY)
sizes = st.integers(1, 700) | st.integers(1, len(MANY)) | st.sampled_from([256, 257, 511, 512, 65_535, 65_536, 65_537])


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_published_vectors(size: int) -> None:
    assert root_at(size, KeptHashes(LEAVES)).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("leaf", "size", "path"), INCLUSION)
def test_inclusion_proofs_are_those_of_the_published_vectors(leaf: int, size: int, path: list[str]) -> None:
    proof = inclusion_proof(leaf - 1, size, KeptHashes(LEAVES))
    assert [one.hex() for one in proof] == path
    verify_inclusion(leaf_hash(LEAVES[leaf - 1]), leaf - 1, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("first", "second", "hashes"), CONSISTENCY)
def test_consistency_proofs_are_those_of_the_published_vectors(first: int, second: int, hashes: list[str]) -> None:
    proof = consistency_proof(first, second, KeptHashes(LEAVES))
    assert [one.hex() for one in proof] == hashes
    verify_consistency(first, bytes.fromhex(ROOTS[first - 1]), second, bytes.fromhex(ROOTS[second - 1]), proof)


@pytest.mark.parametrize(("leaf", "size", "path"), INCLUSION)
def test_no_corruption_of_a_published_inclusion_proof_is_taken(leaf: int, size: int, path: list[str]) -> None:
    proof, root = [bytes.fromhex(one) for one in path], bytes.fromhex(ROOTS[size - 1])
    index, hashed = leaf - 1, leaf_hash(LEAVES[leaf - 1])
    flipped = [[*proof[:i], bytes([proof[i][0] ^ 8]) + proof[i][1:], *proof[i + 1 :]] for i in range(len(proof))]
    for place, count, item, siblings, head in [
        *((index + step, size, hashed, proof, root) for step in (-1, 1)),
        (index ^ 2, size, hashed, proof, root),
        (index, size * 2, hashed, proof, root),
        (index, size // 2, hashed, proof, root),
        (index, size, b"WrongLeaf", proof, root),
        (index, size, hashed, proof, EMPTY_ROOT),
        (index, size, hashed, proof, SOME_HASH),
        *((index, size, hashed, [*proof, extra], root) for extra in (b"", root)),
        *((index, size, hashed, [extra, *proof], root) for extra in (b"", root)),
        *((index, size, hashed, other, root) for other in flipped),
        *((index, size, hashed, proof[:-1], root) for _ in proof[:1]),
        *((index, size, hashed, [proof[0], SOME_HASH, *proof[1:]], root) for _ in proof[1:2]),
    ]:
        with pytest.raises(ProofInvalid):
            verify_inclusion(item, place, count, siblings, head)


@pytest.mark.parametrize(("first", "second", "hashes"), CONSISTENCY[1:])
def test_no_corruption_of_a_published_consistency_proof_is_taken(first: int, second: int, hashes: list[str]) -> None:
    proof = [bytes.fromhex(one) for one in hashes]
    old, new = bytes.fromhex(ROOTS[first - 1]), bytes.fromhex(ROOTS[second - 1])
    flipped = [[*proof[:i], bytes([proof[i][0] ^ 16]) + proof[i][1:], *proof[i + 1 :]] for i in range(len(proof))]
    for one, other, old_root, new_root, siblings in [
        *((first + step, second, old, new, proof) for step in (-1, 1)),
        (first ^ 2, second, old, new, proof),
        (first, second * 2, old, new, proof),
        (first, second // 2, old, new, proof),
        (first, second, b"WrongRoot", new, proof),
        (first, second, old, b"WrongRoot", proof),
        (first, second, new, old, proof),
        (first, second, old, new, []),
        (first, second, old, new, proof[:-1]),
        *((first, second, old, new, [*proof, extra]) for extra in (b"", old, new)),
        *((first, second, old, new, [extra, *proof]) for extra in (b"", old, new, proof[0])),
        *((first, second, old, new, changed) for changed in flipped),
    ]:
        with pytest.raises(ProofInvalid):
            verify_consistency(one, old_root, other, new_root, siblings)


@pytest.mark.parametrize(
    ("first", "old", "second", "new", "proof", "holds"),
    [
        (0, EMPTY_ROOT, 0, SOME_HASH, [], False),
        (1, EMPTY_ROOT, 1, SOME_HASH, [], False),
        (0, EMPTY_ROOT, 0, EMPTY_ROOT, [], True),
        (0, EMPTY_ROOT, 1, SOME_HASH, [], True),
        (0, SOME_HASH, 1, SOME_HASH, [], False),
        (1, SOME_HASH, 1, SOME_HASH, [], True),
        (1, SOME_HASH, 0, EMPTY_ROOT, [], False),
        (2, SOME_HASH, 1, EMPTY_ROOT, [], False),
        (1, SOME_HASH, 2, EMPTY_ROOT, [], False),
        (0, EMPTY_ROOT, 0, EMPTY_ROOT, [EMPTY_ROOT], False),
        (0, EMPTY_ROOT, 1, SOME_HASH, [EMPTY_ROOT], False),
        (1, EMPTY_ROOT, 1, EMPTY_ROOT, [EMPTY_ROOT], False),
    ],
)
def test_trees_of_equal_size_and_the_empty_tree_need_no_proof(
    first: int, old: bytes, second: int, new: bytes, proof: list[bytes], holds: bool
) -> None:
    if holds:
        verify_consistency(first, old, second, new, proof)
    else:
        with pytest.raises(ProofInvalid):
            verify_consistency(first, old, second, new, proof)


def test_every_proof_of_every_small_tree_is_that_of_the_rfc() -> None:
    for size in range(1, 34):
        leaves = numbered(size)
        kept, root = KeptHashes(leaves), rfc6962.mth(leaves)
        assert root_at(size, kept) == root
        for index in range(size):
            proof = inclusion_proof(index, size, kept)
            assert list(proof) == rfc6962.path(index, leaves)
            verify_inclusion(leaf_hash(leaves[index]), index, size, proof, root)
        for first in range(1, size + 1):
            proof = consistency_proof(first, size, kept)
            assert list(proof) == rfc6962.proof(first, leaves)
            verify_consistency(first, rfc6962.mth(leaves[:first]), size, root, proof)


@given(st.integers(1, 1500).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_an_inclusion_proof_over_several_tiles_is_that_of_the_rfc(where: tuple[int, int]) -> None:
    index, size = where
    assert list(inclusion_proof(index, size, KEPT)) == rfc6962.path(index, MANY[:size])


@given(st.integers(1, 1500).flatmap(lambda size: st.tuples(st.integers(1, size), st.just(size))))
def test_a_consistency_proof_over_several_tiles_is_that_of_the_rfc(where: tuple[int, int]) -> None:
    first, second = where
    assert list(consistency_proof(first, second, KEPT)) == rfc6962.proof(first, MANY[:second])


@given(sizes, sizes, st.data())
def test_proofs_of_large_trees_verify_against_roots_computed_leaf_by_leaf(
    one: int, other: int, data: st.DataObject
) -> None:
    first, second = sorted((one, other))
    index = data.draw(st.integers(0, first - 1))
    # An older tree is proved from the hashes of the newer one, as a ledger has them.
    old, new = (CompactRange().extend(KEPT.levels[0][:size])[0] for size in (first, second))
    assert (root_at(first, KEPT), perfect_subtrees(second, KEPT)) == (old.root(), new)
    verify_inclusion(KEPT.levels[0][index], index, first, inclusion_proof(index, first, KEPT), old.root())
    verify_consistency(first, old.root(), second, new.root(), consistency_proof(first, second, KEPT))
    if old.root() != new.root():
        with pytest.raises(ProofInvalid):
            verify_inclusion(KEPT.levels[0][index], index, second, inclusion_proof(index, first, KEPT), new.root())


@given(
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.lists(st.binary(min_size=32, max_size=32) | st.binary(max_size=40), max_size=45),
)
def test_a_proof_of_random_hashes_shows_nothing(one: int, other: int, hashes: list[bytes]) -> None:
    with pytest.raises(ProofInvalid):
        verify_inclusion(SOME_HASH, one, other, hashes, sha256(b"another").digest())
    with pytest.raises(ProofInvalid):
        verify_consistency(one, SOME_HASH, other, sha256(b"another").digest(), hashes)


def test_a_proof_reads_each_tile_once_and_no_more_than_one_on_the_way_and_one_at_the_edge() -> None:
    kept = KeptHashes(MANY)
    inclusion_proof(12_345, len(MANY), kept)
    assert len(kept.reads) == len(set(kept.reads)) <= 5  # levels 0 and 8 twice, level 16 once
    assert all(level % 8 == 0 and start % TILE == 0 and 0 < end - start <= TILE for level, start, end in kept.reads)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 4), (4, 4)])
def test_there_is_no_proof_of_a_record_that_a_tree_does_not_have(index: int, size: int) -> None:
    with pytest.raises(ProofInvalid):
        inclusion_proof(index, size, KeptHashes(LEAVES))


@pytest.mark.parametrize(("first", "second"), [(-1, 4), (5, 4)])
def test_a_tree_does_not_begin_with_a_larger_one(first: int, second: int) -> None:
    with pytest.raises(ProofInvalid):
        consistency_proof(first, second, KeptHashes(LEAVES))


def test_a_ledger_that_lacks_hashes_gives_no_proof() -> None:
    kept = KeptHashes(numbered(600))
    kept.levels[8].pop()
    with pytest.raises(LedgerInvalid, match="level 8"):
        inclusion_proof(3, 600, kept)
