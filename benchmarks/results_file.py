"""RESULTS.md, which several benchmarks write: each has a part of its own and leaves the others as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

#: A part begins with a heading of the first level, and has no other.
_BEGINNING: Final = re.compile(r"^(?=# )", re.MULTILINE)


def write_part(target: Path, title: str, paragraphs: Sequence[str]) -> None:
    """Put the part `title` into `target`, in the place of the one with that title or at the end."""
    part = "\n\n".join((f"# {title}", *paragraphs)) + "\n"
    before = target.read_text(encoding="utf-8") if target.exists() else ""
    parts = {each.partition("\n")[0]: each.rstrip() + "\n" for each in _BEGINNING.split(before) if each}
    parts[f"# {title}"] = part
    target.write_text("\n".join(parts.values()), encoding="utf-8")


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table; the first `left` columns are words, the others numbers."""
    alignment = ["---" if index < left else "---:" for index in range(len(headings))]
    lines = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (headings, alignment, *rows))
    return "\n".join(lines)
