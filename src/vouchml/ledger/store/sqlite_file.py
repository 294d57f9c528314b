"""The file of a ledger in SQLite: its owner's only, and still the one that was opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vouchml.errors import LedgerUnavailable

FILE_MODE: Final = 0o600


def make_file(path: Path) -> None:
    """Make the file, empty, for its owner only, unless it is there. SQLite gives its log the same mode.

    Raises:
        LedgerUnavailable: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE))
    except OSError as error:
        raise LedgerUnavailable(
            f"{path.name} cannot be made: {error.strerror or 'no reason given'}.",
            remedy="Give yourself permission to write to its folder, or set [ledger] url to another place.",
        ) from error


class FileIdentity:
    """Tells whether a path still leads to the file that is open: what is written to a file without a name is lost."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._opened = self._identity()

    def require_same(self) -> None:
        """Check it.

        Raises:
            LedgerUnavailable: the file was moved, deleted or replaced.
        """
        if self._identity() != self._opened:
            raise LedgerUnavailable(
                "The ledger's file was moved, deleted or replaced while it was open.",
                remedy="Put it back; move a ledger only when nothing uses it.",
            )

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - for every append, and by Path it takes twice as long
        except OSError:
            return None
        return found.st_dev, found.st_ino
