"""What the hand-written documents say about this repository is there: files, tests, and the row that is sent."""

from __future__ import annotations

import ast
import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_or_a_heading_here_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        linked = document.parent / file if file else document
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


def test_every_test_that_a_document_names_is_there() -> None:
    named = {
        (file, name)
        for document in DOCUMENTS
        for file, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", document.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert [f"{file}::{name}" for file, name in sorted(named) if name not in functions(ROOT / file)] == []


def test_every_file_of_tests_and_sources_that_a_document_names_is_there() -> None:
    text = (ROOT / "docs" / "governance_notes.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tests|src|scripts|data|docs)/[\w/.]+\.\w+)", text))
    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_payload_of_the_quickstart_is_the_first_row_of_the_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"cat > payload\.json <<'JSON'\n(.*?)\nJSON\n", readme, re.DOTALL)
    assert found is not None
    with (ROOT / "data" / "breast_cancer.csv").open(encoding="utf-8", newline="") as file:
        names, first = (row[:-1] for row in list(csv.reader(file))[:2])
    features = json.loads(found[1])["features"]
    assert list(features.items()) == list(zip(names, map(float, first), strict=True))


def headings(document: Path) -> set[str]:
    """The anchors that a Markdown page has for its headings."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def functions(file: Path) -> set[str]:
    """The names of the functions in a Python file; none when it is not there."""
    if not file.exists():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
