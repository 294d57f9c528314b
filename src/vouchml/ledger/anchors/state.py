"""`.vouch/anchors/`: what reached which place outside, and what is wrong with those that take nothing."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from vouchml.settings import AnchorSettings, Settings
from vouchml.trust.private_file import write_private

_FOLDER_MODE: Final = 0o700


class AnchorState(BaseModel):
    """The last checkpoint that one place took: its size, and when; and why the latest push failed, if it did."""

    model_config = ConfigDict(frozen=True)

    size: int = 0
    pushed_at: datetime | None = None
    problem: str = ""


class AnchorStates:
    """The states of the anchors of a project, by their place in the settings."""

    def __init__(self, settings: Settings) -> None:
        self._anchors = settings.ledger.anchors
        self._folder = settings.private_folder / "anchors"

    def kept(self, anchor: AnchorSettings) -> Path:
        """The folder for what an anchor keeps itself."""
        name = hashlib.sha256(anchor.to.encode()).hexdigest()[:16]
        return self._folder / f"{anchor.kind}-{name}"

    def read(self, anchor: AnchorSettings) -> AnchorState:
        """Its state; the first one when there is none, or none that can be read: then all is pushed again."""
        try:
            return AnchorState.model_validate_json(self._file(anchor).read_bytes())
        except (OSError, ValidationError):
            return AnchorState()

    def write(self, anchor: AnchorSettings, state: AnchorState) -> None:
        """Keep its state.

        Raises:
            OSError, FolderNotWritable: it cannot be written.
        """
        self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        write_private(self._file(anchor), state.model_dump_json().encode())

    def all(self) -> list[tuple[AnchorSettings, AnchorState]]:
        """Every anchor of the settings with its state."""
        return [(anchor, self.read(anchor)) for anchor in self._anchors]

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know; without an address, since `/health` shows it."""
        return tuple(
            f"Anchor {number} ({anchor.kind}) has taken no checkpoint {_since(state)}: {state.problem}"
            for number, (anchor, state) in enumerate(self.all(), 1)
            if state.problem
        )

    def _file(self, anchor: AnchorSettings) -> Path:
        return self.kept(anchor).with_suffix(".json")


def _since(state: AnchorState) -> str:
    return "yet" if state.pushed_at is None else f"since {state.pushed_at:%Y-%m-%dT%H:%M:%SZ}"
