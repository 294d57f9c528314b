"""Whether a file was changed, found out in microseconds: by its time, its number in the file system and its size."""

from __future__ import annotations

from pathlib import Path
from typing import Final

Moment = tuple[int, int, int]
#: Of a file that is not there.
NOT_THERE: Final[Moment] = (0, 0, 0)


def moment_of_file(path: Path) -> Moment:
    """Something that is another when the file was replaced or written."""
    try:
        found = path.stat()
    except OSError:
        return NOT_THERE
    return (found.st_mtime_ns, found.st_ino, found.st_size)
