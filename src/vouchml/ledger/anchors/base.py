"""What a place outside does with a checkpoint, whatever it is."""

from __future__ import annotations

from typing import Final, Protocol

from vouchml.ledger.store.base import Checkpoint

#: How long a place may take to answer.
WITHIN_SECONDS: Final = 15.0


class Anchor(Protocol):
    """A place outside. One thread uses it."""

    def push(self, checkpoint: Checkpoint) -> None:
        """Have `checkpoint` kept there; one that it has already is no error.

        Raises:
            AnchorFailed: it was not taken. The message names no address: `/health` shows it.
        """
        ...


def file_name(checkpoint: Checkpoint) -> str:
    """The name under which a checkpoint is kept: in the order of their sizes."""
    return f"{checkpoint.size:016d}.checkpoint"
