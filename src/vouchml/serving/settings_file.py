"""Whether `vouch.toml` is still what a process read at its start: a change waits for the next start."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from vouchml.serving.following.moment import Moment, moment_of_file


class SettingsFile:
    """The file that settings come from. Made before they are read, so that no change falls in between.

    `changed` says whether its bytes were others at the last look, or it was gone.
    """

    def __init__(self, path: Path) -> None:
        self.changed = False
        self.path: Final = path.absolute()
        self._moment: Moment = moment_of_file(self.path)
        self._sha256: Final = self._digest()

    @property
    def warning(self) -> str:
        """What an operator should know; empty as long as there is nothing."""
        if not self.changed:
            return ""
        return f"{self.path.name} was changed since this service started, and counts when it is started again."

    def look(self) -> None:
        """Look again: by the time of the file, and by its bytes only when that is another. Costs microseconds."""
        moment = moment_of_file(self.path)
        if moment != self._moment:
            self._moment = moment
            self.changed = self._digest() != self._sha256

    def _digest(self) -> str | None:
        try:
            return sha256(self.path.read_bytes()).hexdigest()
        except OSError:
            return None
