"""`.gitignore`: what vouchml and MLflow leave beside a `vouch.toml` is not for version control.

`trust.toml` is: it says whose signatures count.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vouchml.errors import FolderNotWritable

FILE: Final = ".gitignore"
#: Keys, the ledger with what callers sent, and runs: all of it private, or large, or both.
PATTERNS: Final = (
    ".vouch/",
    "mlflow.db*",
    "mlruns/",
    "mlartifacts/",
    "vouch-ledger.db*",
    "receipt*.json",
    ".venv*/",
    "__pycache__/",
)
_HEADING: Final = "# Made by vouchml, MLflow and Python. Commit trust.toml: it says whose signatures count."


@dataclass(frozen=True)
class Ignored:
    """What was added to `file`, in order; nothing where all of it stood there. `new`: there was no such file."""

    file: Path
    added: tuple[str, ...]
    new: bool


def ignore_what_is_made(folder: Path) -> Ignored:
    """Have git pass over what vouchml makes in `folder`. Lines that are there stay as they are.

    Raises:
        FolderNotWritable: the file cannot be read or written; the remedy lists the lines.
    """
    file = folder / FILE
    try:
        before = file.read_bytes() if file.exists() else None
        there = {_bare(line) for line in (before or b"").decode("utf-8", "replace").splitlines()}
        added = tuple(pattern for pattern in PATTERNS if _bare(pattern) not in there)
        if added:
            gap = b"" if before is None else b"\n" if before.endswith(b"\n") or not before else b"\n\n"
            with file.open("ab") as out:
                out.write(gap + "\n".join((_HEADING, *added, "")).encode())
    except OSError as error:
        raise FolderNotWritable(
            f"{file} cannot be written: {error.strerror or 'no reason given'}.",
            remedy=f"Add these lines to it, before you commit: {' '.join(PATTERNS)}",
        ) from error
    return Ignored(file, added, before is None)


def _bare(line: str) -> str:
    """A pattern without what makes no difference here: `/mlruns` is `mlruns/`, and `!mlruns/` is a decision too."""
    return line.strip().lstrip("!").strip("/").rstrip("*")
