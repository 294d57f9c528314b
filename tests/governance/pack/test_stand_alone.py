"""The stand-alone verifier of packs can be read in a sitting, and is none of our code."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[3] / "tools" / "verify_pack.py"


def test_it_is_one_short_file() -> None:
    assert len(TOOL.read_text(encoding="utf-8").splitlines()) < 300


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    imported = set()
    for node in ast.walk(ast.parse(TOOL.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names == {"cryptography"}
