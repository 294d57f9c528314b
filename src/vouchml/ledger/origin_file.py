"""`.vouch/ledger-origin`: the name of the ledger that this machine has used, so that another one is noticed."""

from __future__ import annotations

from pathlib import Path

from vouchml.errors import LedgerUnavailable
from vouchml.trust.private_file import write_private


class OriginFile:
    """The file below the project's private folder."""

    def __init__(self, private_folder: Path) -> None:
        self.path = private_folder / "ledger-origin"

    def read(self) -> str | None:
        """The origin; None when no ledger has been used yet.

        Raises:
            LedgerUnavailable: the file cannot be read.
        """
        try:
            return self.path.read_text("utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise LedgerUnavailable(
                ".vouch/ledger-origin cannot be read, so nothing says whether the ledger is the right one.",
                remedy="Let this user read it.",
            ) from error

    def write(self, origin: str) -> None:
        """Keep `origin`.

        Raises:
            FolderNotWritable: the private folder cannot be written.
        """
        if self.read() != origin:
            write_private(self.path, f"{origin}\n".encode())
