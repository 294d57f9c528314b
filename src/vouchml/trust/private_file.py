"""Files that only their owner may read: written whole or not at all, and changed by one program at a time.

The lock is a file of its own beside the one that it guards, because writing replaces the latter.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from vouchml.errors import FolderNotWritable

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Make the folder of `path` private, and hold the lock of `path` while its content is read, changed and written.

    Raises:
        FolderNotWritable: the folder or the lock cannot be made.
    """
    try:
        _make_private(path.parent)
        lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise _not_writable(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)  # and with it the lock goes, however the program ends


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, mode 0600. After a crash at any moment the old content or the new one is there.

    Raises:
        FolderNotWritable: the folder cannot be written, or the disk is full.
    """
    write_whole(path, content, mode=FILE_MODE)


def write_whole(path: Path, content: bytes, *, mode: int) -> None:
    """Replace `path` by `content` as `write_private` does, with the permissions `mode`.

    Raises:
        FolderNotWritable: the folder cannot be written, or the disk is full.
    """
    try:
        descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    except OSError as error:
        raise _not_writable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _not_writable(path, error) from error


def _make_private(folder: Path) -> None:
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=FOLDER_MODE, exist_ok=True)
    if folder.stat().st_mode & 0o777 != FOLDER_MODE:
        folder.chmod(FOLDER_MODE)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_writable(path: Path, error: OSError) -> FolderNotWritable:
    return FolderNotWritable(
        f"{path} cannot be written: {error.strerror or 'the system refuses'}.",
        remedy=f"Let this user write {path.parent}, and see that the disk is not full.",
    )
