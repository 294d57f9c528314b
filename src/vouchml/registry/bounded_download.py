"""Download artifacts, and no more of them than was allowed: by what the store lists, and by what then arrives.

A list is only what a store says. So files come one after another, their sum is looked at after each, and while one
arrives the kernel lets no file grow beyond what all may have: twice as much is written at most. The limit of the kernel
is one of the whole process (`RLIMIT_FSIZE`), for as long as one file takes to arrive.
"""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from vouchml.errors import BundleInvalid

MOST_ENTRIES: Final = 10_000
_UNBOUNDED: Final = 2**62
_LOG_LESS: Final = "Log it without what it does not need."


class ListedFile(NamedTuple):
    """A file as a store lists it: its path below the root, and its size in bytes, 0 where the store says none."""

    path: str
    size: int


def list_files(repository: Any, path: str | None = None) -> tuple[ListedFile, ...]:
    """The files of an MLflow artifact repository below `path`, in the order of their paths.

    Raises:
        BundleInvalid: there are more than `MOST_ENTRIES`, or one has a path that leads elsewhere.
    """
    files: list[ListedFile] = []
    folders, seen = [path], 0
    while folders:
        for entry in repository.list_artifacts(folders.pop()):
            seen += 1
            if seen > MOST_ENTRIES:
                raise BundleInvalid(
                    f"It has more than {MOST_ENTRIES} files and folders.",
                    remedy="Log it without what it does not need.",
                )
            if entry.is_dir:
                folders.append(_inside(entry.path))
            else:
                files.append(ListedFile(_inside(entry.path), entry.file_size or 0))
    return tuple(sorted(files))


def download(repository: Any, files: tuple[ListedFile, ...], folder: Path, *, most: int | None) -> None:
    """Download `files` into `folder`, under their paths; without `most` as many bytes as they have.

    Raises:
        BundleInvalid: together they have more than `most` bytes, by the list or by what arrives.
    """
    arrived, most = 0, _UNBOUNDED if most is None else most
    if sum(file.size for file in files) > most:
        raise _too_large(most)
    for file in files:
        with _no_file_longer_than(most):
            place = Path(repository.download_artifacts(file.path, dst_path=str(folder)))
        arrived += place.lstat().st_size
        if arrived > most:
            raise _too_large(most)


@contextmanager
def _no_file_longer_than(most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if soft == resource.RLIM_INFINITY else min(most, soft), hard))
    try:
        yield
    except Exception as error:
        if f"[Errno {errno.EFBIG}]" in str(error) or (isinstance(error, OSError) and error.errno == errno.EFBIG):
            raise _too_large(most) from error
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _inside(path: str) -> str:
    """The path, if it leads nowhere else.

    Raises:
        BundleInvalid: it does.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise BundleInvalid("One of its files has a path that leads elsewhere.", remedy="Find out who logged it.")
    return path


def _too_large(most: int) -> BundleInvalid:
    return BundleInvalid(
        f"Its files have more than {most} bytes together.",
        remedy=f"{_LOG_LESS} Or raise [serving] max_bundle_bytes.",
    )
