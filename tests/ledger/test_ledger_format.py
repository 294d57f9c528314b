"""docs/ledger-format.md: its vectors are what the code makes, and hold without the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from scripts.write_ledger_vectors import BEGIN, DOCUMENT, section, vectors
from tests.ledger import rfc6962

from vouchml.ledger.leaf import read_leaf
from vouchml.ledger.record import RecordType

TEXT = DOCUMENT.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^([^\n]+):\n\n```text\n(.*?)\n```$", TEXT.partition(BEGIN)[2], re.MULTILINE | re.DOTALL)
TOOL = DOCUMENT.parents[1] / "tools" / "verify_receipt.py"


def blocks(title: str) -> list[str]:
    return [content for name, content in BLOCKS if name.startswith(title)]


LEAVES = [leaf.encode() for leaf in blocks("Leaf")[::2]]


def test_the_vectors_in_the_document_are_those_that_the_code_makes() -> None:
    assert TEXT.partition(BEGIN)[2] == "\n\n" + section(vectors())


def test_the_document_names_every_type_of_record() -> None:
    assert all(f"`{kind.value}`" in TEXT for kind in RecordType)


def test_its_leaves_are_leaves_and_its_hashes_theirs() -> None:
    assert len(LEAVES) == 5
    assert [sha256(b"\x00" + leaf).hexdigest() for leaf in LEAVES] == blocks("Leaf hash")
    assert [read_leaf(leaf)["type"] for leaf in LEAVES] == ["prediction"] * 2 + ["start", "prediction", "erasure"]


def test_its_commitments_open_as_it_says() -> None:
    committed = [json.loads(leaf).get("commitment") for leaf in LEAVES]
    opened = [
        urlsafe_b64encode(sha256(b"vouchml/payload/v1\n" + bytes.fromhex(salt) + payload.encode()).digest())
        for salt, payload in zip(blocks("Salt"), blocks("Payload"), strict=True)
    ]
    assert [each.decode().rstrip("=") for each in opened] == [each for each in committed if each]


def test_its_roots_and_proofs_are_those_of_the_rfc() -> None:
    roots = [line.split() for line in blocks("Roots")[0].splitlines()]
    assert roots == [[str(size), rfc6962.mth(LEAVES[:size]).hex()] for size in range(6)]
    for index in (0, 4):
        assert blocks(f"Inclusion proof of record {index}")[0].split() == [
            one.hex() for one in rfc6962.path(index, LEAVES)
        ]
    assert blocks("Consistency proof")[0].split() == [one.hex() for one in rfc6962.proof(3, LEAVES)]


@pytest.mark.parametrize(("number", "status"), [(0, 0), (1, 2), (2, 0)])
def test_its_receipts_verify_with_its_key_by_the_tool_for_strangers(tmp_path: Path, number: int, status: int) -> None:
    receipt = tmp_path / "receipt.json"
    receipt.write_text(blocks("Of record")[number], encoding="utf-8")
    command = [sys.executable, "-I", str(TOOL), str(receipt), blocks("Verifier key")[0]]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == status
