"""`tools/verify_receipt.py`, which strangers run: it shares no code with the package, and must come to the same."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.ledger.memory import BEGAN, ORIGIN, MemoryLedger, erasure, prediction

from vouchml.errors import ReceiptInvalid
from vouchml.ledger.checkpoint import SignerKey, VerifierKey
from vouchml.ledger.receipt import Receipt, build_receipt
from vouchml.ledger.receipt_check import verify_receipt
from vouchml.ledger.record import RecordType, event

TOOL = Path(__file__).parents[2] / "tools" / "verify_receipt.py"
SIGNER = SignerKey.generate(ORIGIN)


def made_ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.append([prediction(number) for number in range(600)])
    made.append([event(RecordType.PROMOTION, {"to": "Staging", "threshold": 1e-07, "name": "é\u2028"}, time=BEGAN)])
    made.erase(7, erasure(7, 7))
    made.sign(SIGNER)
    return made


LEDGER = made_ledger()


@pytest.fixture(scope="module")
def tool() -> Callable[[Path, str], int]:
    specification = importlib.util.spec_from_file_location("verify_receipt", TOOL)
    assert specification is not None
    assert specification.loader is not None
    module: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return cast("Callable[[Path, str], int]", module.main)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Receipt | str | bytes], Path]:
    def write(receipt: Receipt | str | bytes) -> Path:
        path = tmp_path / "receipt.json"
        text = receipt.to_json() if isinstance(receipt, Receipt) else receipt
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


Write = Callable[[Receipt | str | bytes], Path]
Tool = Callable[[Path, str], int]


@pytest.mark.parametrize(("index", "status"), [(0, 0), (7, 2), (255, 0), (256, 0), (599, 0), (600, 0), (601, 0)])
def test_the_tool_comes_to_what_the_package_comes_to(tool: Tool, written: Write, index: int, status: int) -> None:
    receipt = build_receipt(LEDGER, index)
    assert tool(written(receipt), str(SIGNER.verifier)) == status
    assert verify_receipt(receipt, SIGNER.verifier).exit_status == status


def test_a_receipt_without_its_payload_is_incomplete(tool: Tool, written: Write) -> None:
    assert tool(written(build_receipt(LEDGER, 5).without_payload()), str(SIGNER.verifier)) == 2


@pytest.mark.parametrize("index", [3, 7])
def test_no_single_changed_byte_of_a_receipt_passes(
    tool: Tool, written: Write, capsys: pytest.CaptureFixture[str], index: int
) -> None:
    good = build_receipt(LEDGER, index).to_json().encode()
    for place in range(len(good)):
        for changed_to in {good[place] ^ 1, ord(" ")} - {good[place]}:
            changed = good[:place] + bytes([changed_to]) + good[place + 1 :]
            status = tool(written(changed), str(SIGNER.verifier))
            assert status == 1, (place, changed_to)
            assert status == _of_the_package(changed), (place, changed_to)
    assert "FAILED" in capsys.readouterr().out


def _of_the_package(content: bytes) -> int:
    try:
        return verify_receipt(Receipt.parse(content.decode()), SIGNER.verifier).exit_status
    except (ReceiptInvalid, UnicodeDecodeError):
        return 1


@pytest.mark.parametrize("other", [SignerKey.generate(ORIGIN), SignerKey.generate("example.com/other")])
def test_another_key_fails(tool: Tool, written: Write, other: SignerKey) -> None:
    assert tool(written(build_receipt(LEDGER, 3)), str(other.verifier)) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", "[" * 100_000, "\ud800".encode("utf-8", "surrogatepass")])
def test_what_is_no_receipt_fails(tool: Tool, written: Write, text: str | bytes) -> None:
    assert tool(written(text), str(SIGNER.verifier)) == 1


@pytest.mark.parametrize(
    "key",
    ["", "nothing", str(SIGNER.verifier)[:-4], str(SIGNER.verifier).replace("l", "k", 1)],
    ids=["empty", "a word", "cut", "renamed"],
)
def test_what_is_no_key_fails(tool: Tool, written: Write, key: str) -> None:
    assert tool(written(build_receipt(LEDGER, 3)), key) == 1


def _pem(key: VerifierKey) -> bytes:
    public = Ed25519PublicKey.from_public_bytes(key.public)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "content", [str(SIGNER.verifier).encode() + b"\n", _pem(SIGNER.verifier)], ids=["one line", "PEM"]
)
def test_the_tool_runs_by_itself_with_a_key_in_a_file(tmp_path: Path, written: Write, content: bytes) -> None:
    key = tmp_path / "ledger.key"
    key.write_bytes(content)
    command = [sys.executable, "-I", str(TOOL), str(written(build_receipt(LEDGER, 3))), str(key)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [line.split(":")[0].split() for line in result.stdout.splitlines()] == [
        ["verified", name] for name in ("leaf", "payload", "inclusion", "signature")
    ]


def test_the_tool_is_one_short_file_that_shares_no_code_with_the_package() -> None:
    text = TOOL.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 200
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names | {"cryptography"}
