"""The kinds of places outside, by their name in the settings.

A new kind is one file beside this one, one line in `ANCHORS`, and its name in the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from vouchml.ledger.anchors.base import Anchor
from vouchml.ledger.anchors.folder import FolderAnchor
from vouchml.ledger.anchors.http import HttpAnchor
from vouchml.ledger.anchors.s3 import S3Anchor
from vouchml.ledger.anchors.timestamp import TimestampAnchor
from vouchml.settings import AnchorSettings

#: Each takes its settings, the folder of the project, and a folder for what it keeps itself.
ANCHORS: Final[Mapping[str, Callable[[AnchorSettings, Path, Path], Anchor]]] = {
    "file": FolderAnchor,
    "s3": S3Anchor,
    "http": HttpAnchor,
    "tsa": TimestampAnchor,
}


def open_anchor(settings: AnchorSettings, root: Path, kept: Path) -> Anchor:
    """The place that the settings name."""
    return ANCHORS[settings.kind](settings, root, kept)
