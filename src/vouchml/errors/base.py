"""The base of every error that vouchml raises on purpose."""

from __future__ import annotations

from typing import ClassVar


class VouchError(Exception):
    """The base of all vouchml errors; never raised itself."""

    code: ClassVar[str] = "vouch-error"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def diagnostics(self) -> str:
        """The text for a person: what happened, then what to do."""
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message
