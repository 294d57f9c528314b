"""A folder elsewhere, such as a mounted disk of other administrators: a file a checkpoint, none ever replaced."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp

from vouchml.errors import AnchorFailed
from vouchml.ledger.anchors.base import file_name
from vouchml.ledger.store.base import Checkpoint
from vouchml.settings import AnchorSettings


class FolderAnchor:
    """The folder must be there: one that is made where nothing is mounted would be on this disk."""

    def __init__(self, settings: AnchorSettings, root: Path, _kept: Path) -> None:
        self._folder = root / settings.to

    def push(self, checkpoint: Checkpoint) -> None:
        """Write a file, and see that it is on disk.

        Raises:
            AnchorFailed: the folder is missing or cannot be written, or has another checkpoint of this size.
        """
        path, content = self._folder / file_name(checkpoint), checkpoint.note.encode()
        try:
            if not path.exists():
                _write(path, content)
            kept = path.read_bytes()
        except OSError as error:
            raise AnchorFailed(
                f"The folder does not take it: {error.strerror or 'no reason given'}.",
                remedy="Mount it, and let this user write there.",
            ) from error
        if kept != content:
            raise AnchorFailed(
                f"There is another checkpoint of {checkpoint.size} records already.",
                remedy="Verify the ledger with it: vouch ledger verify --checkpoint FILE.",
            )


def _write(path: Path, content: bytes) -> None:
    descriptor, name = mkstemp(dir=path.parent, prefix=".")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
