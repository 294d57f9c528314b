"""Write the test vectors at the end of docs/ledger-format.md: a small ledger with fixed salts, times and key.

`--check` writes nothing and exits with 1 when they are not what it would write.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vouchml.canonical_json import canonical_json
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.proofs import consistency_proof, inclusion_proof, root_at
from vouchml.ledger.receipt import Included, Receipt
from vouchml.ledger.record import commitment
from vouchml.ledger.tree import leaf_hash

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "ledger-format.md"
BEGIN = "<!-- Made by scripts/write_ledger_vectors.py. Do not edit below. -->"
ORIGIN = "example.com/ledger"
ERASED = 1


@dataclass(frozen=True)
class Vectors:
    """A ledger of five records, whose record 1 was erased by record 4, and what is said of it."""

    signer: SignerKey
    leaves: tuple[bytes, ...]
    payloads: tuple[bytes | None, ...]
    salts: tuple[bytes | None, ...]
    note: str

    def read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """The hashes of the leaves, for proofs."""
        return [leaf_hash(leaf) for leaf in self.leaves[start:end]] if level == 0 else []

    def included(self, index: int) -> Included:
        """A leaf with its inclusion proof."""
        return Included(self.leaves[index].decode(), index, inclusion_proof(index, len(self.leaves), self))

    def receipt(self, index: int) -> Receipt:
        """The receipt of a record."""
        payload = self.payloads[index]
        if payload is None or index == ERASED:
            return Receipt(self.included(index), self.note, erased=self.included(4) if index == ERASED else None)
        return Receipt(self.included(index), self.note, payload.decode(), self.salts[index])


def main() -> None:
    """Write the vectors, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when they are stale")
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted = f"{text.partition(BEGIN)[0]}{BEGIN}\n\n{section(vectors())}"
    if parser.parse_args().check and wanted != text:
        sys.exit("stale: docs/ledger-format.md. Run: python scripts/write_ledger_vectors.py")
    DOCUMENT.write_text(wanted, encoding="utf-8")


def vectors() -> Vectors:
    """The ledger, the same each time."""
    signer = SignerKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    made = [_prediction(0), _prediction(1), _event(2, {"settings": "00" * 32, "type": "start"}), _prediction(3)]
    made.append(
        _event(4, {"basis": "GDPR Art. 17(1)(b)", "erased": [[1, 2]], "prediction_id": "11" * 16, "type": "erasure"})
    )
    leaves, payloads, salts = zip(*made, strict=True)
    unsigned = Vectors(signer, leaves, payloads, salts, "")
    checkpoint = Checkpoint(ORIGIN, len(leaves), root_at(len(leaves), unsigned), ("time 2026-11-24T22:04:15.000000Z",))
    return Vectors(signer, leaves, payloads, salts, sign(checkpoint, signer))


def section(made: Vectors) -> str:
    """The vectors as Markdown."""
    return "\n".join(_lines(made))


def _lines(made: Vectors) -> Iterator[str]:
    yield "The signer key below is published: it signs nothing but these examples. Hashes are in hexadecimal.\n"
    yield from _block("Signer key", made.signer.secret_text())
    yield from _block("Verifier key", str(made.signer.verifier))
    for index, (leaf, payload, salt) in enumerate(zip(made.leaves, made.payloads, made.salts, strict=True)):
        yield f"### Record {index}\n"
        yield from _block("Leaf", leaf.decode())
        if payload is not None and salt is not None:
            note = ", before it was erased" if index == ERASED else ""
            yield from _block(f"Salt{note}, in hexadecimal", salt.hex())
            yield from _block(f"Payload{note}", payload.decode())
        yield from _block("Leaf hash", leaf_hash(leaf).hex())
    yield "### Tree\n"
    sizes = range(len(made.leaves) + 1)
    yield from _block("Roots of the first 0 to 5 records", *(f"{size} {root_at(size, made).hex()}" for size in sizes))
    for index in (0, 4):
        proof = (one.hex() for one in inclusion_proof(index, 5, made))
        yield from _block(f"Inclusion proof of record {index} in the tree of 5", *proof)
    proof = (one.hex() for one in consistency_proof(3, 5, made))
    yield from _block("Consistency proof from 3 to 5 records", *proof)
    yield "### Checkpoint\n"
    yield from _block("Signed note", made.note.removesuffix("\n"))
    yield "### Receipts\n"
    for index, what in ((0, "a prediction"), (1, "an erased prediction"), (2, "an event")):
        yield from _block(f"Of record {index}, {what}", made.receipt(index).to_json())


def _block(title: str, *lines: str) -> Iterator[str]:
    yield f"{title}:\n\n```text"
    yield from lines
    yield "```\n"


def _prediction(number: int) -> tuple[bytes, bytes, bytes]:
    digests = {name: f"{place:02x}" * 32 for place, name in enumerate(("contract", "data", "decision", "model"), 10)}
    payload = canonical_json(
        {
            "caller": None,
            "door": "predict",
            "inputs": "AAAAAAAA8D8AAAAAAADgvw==",
            "label": "benign",
            "out_of_range": [],
            "prediction": 1,
            "probability": 0.25 + number / 100,
            "role": "champion",
            "threshold": 0.5,
        }
    )
    salt = bytes([number]) * 32
    leaf = {
        "commitment": commitment(salt, payload),
        "prediction_id": f"{number * 0x11:02x}" * 16,
        "request_id": f"request-{number}",
        "served": {"name": "classifier", "run": "0123456789abcdef", "version": "3", **digests},
        "type": "prediction",
    }
    return _event(number, leaf)[0], payload, salt


def _event(number: int, fields: dict[str, Any]) -> tuple[bytes, None, None]:
    time = f"2026-11-24T22:04:1{number}.000000Z"
    return canonical_json({**fields, "time": time, "v": 1, "worker": "host-1:0"}), None, None


if __name__ == "__main__":
    main()
