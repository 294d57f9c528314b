"""The file of a pack: a ZIP archive of plain files, read and written whole.

Its bytes depend on what is in it alone: names in order, one time for all, the same permissions.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from vouchml.errors import PackInvalid

LARGEST: Final = 4 * 1024**3
MOST_FILES: Final = 20_000
_FIRST_TIME: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644 << 16


def pack_bytes(files: Mapping[str, bytes]) -> bytes:
    """The archive of `files`, by path."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _FIRST_TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _READABLE
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def read_pack(path: Path) -> dict[str, bytes]:
    """The files of the pack at `path`, by their paths in it. Nothing that they say is checked.

    Raises:
        PackInvalid: it is not a ZIP archive, is broken or too large, or has a file that is not plain or stands twice.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _require_plain([entry.filename for entry in entries])
            if sum(entry.file_size for entry in entries) > LARGEST:
                raise PackInvalid("The pack is larger than 4 GiB.", remedy="Is this the file that was meant?")
            return {entry.filename: archive.read(entry) for entry in entries}
    except OSError as error:
        raise PackInvalid(f"The pack cannot be read: {error.strerror}.", remedy="Check its name.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise PackInvalid("The pack is no ZIP archive, or is broken.", remedy="Get it again.") from error


def _require_plain(names: list[str]) -> None:
    if len(names) > MOST_FILES or len(set(names)) != len(names):
        raise PackInvalid("The pack has too many files, or one twice.", remedy="Get it again.")
    for name in names:
        path = PurePosixPath(name)
        if str(path) != name or path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
            raise PackInvalid("The pack has a file whose path is not plain.", remedy="It was not made by vouch pack.")
