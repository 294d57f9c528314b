"""The files of a model as OpenSSF Model Signing v1.0 sees them: their paths, digests and the root over them.

The root is the model digest: the SHA-256 of the files' SHA-256 digests (raw bytes), one after the other in the order of
their paths, which compare part by part. It does not bind the paths, so whoever checks a signature compares those too.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from vouchml.errors import (
    EvidenceRefused,
    FileAdded,
    FileChanged,
    FileMissing,
    FileNotPlain,
    FileRenamed,
)

_NAMES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class SignedFile:
    """One file: its path below the folder with `/` between the parts, and its SHA-256 in lower-case hexadecimal."""

    path: str
    sha256: str


def take_stock(folder: Path) -> tuple[SignedFile, ...]:
    """All files in `folder` in the order that the root wants. No link is followed.

    Raises:
        FileNotPlain: there is a link, or something else that is not a plain file, or a name that is not UTF-8.
        FileMissing: the folder is not there, or a file goes away or cannot be read.
    """
    try:
        paths = sorted(_paths(folder))
        return tuple(SignedFile(str(path), _sha256(folder, path)) for path in paths)
    except OSError as error:
        raise FileMissing(
            f"The files of the version cannot be read: {error.strerror or 'the system refuses'}.",
            remedy="Look whether they are there, and whether this user may read them.",
        ) from error


def root_of(files: Sequence[SignedFile]) -> str:
    """The model digest of `files`, which are in the order of their paths: 64 hexadecimal digits."""
    return hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in files)).hexdigest()


def require_same(signed: Sequence[SignedFile], there: Sequence[SignedFile]) -> None:
    """Check that the files that are there are those that were signed, to the last.

    Raises:
        FileRenamed, FileMissing, FileAdded, FileChanged: they are not. If several things are wrong, the first of
            these is told.
    """
    wanted, found = {file.path: file.sha256 for file in signed}, {file.path: file.sha256 for file in there}
    missing, added = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    contents = {found[path] for path in added}
    if renamed := [path for path in missing if wanted[path] in contents]:
        raise _differ(FileRenamed, "Signed files have other names than were signed", renamed)
    if missing:
        raise _differ(FileMissing, "Signed files are missing", missing)
    if added:
        raise _differ(FileAdded, "There are files that were not signed", added)
    if changed := [path for path, digest in wanted.items() if found[path] != digest]:
        raise _differ(FileChanged, "Files have other bytes than were signed", changed)


def _differ(kind: type[EvidenceRefused], what: str, paths: Sequence[str] | set[str]) -> EvidenceRefused:
    names = sorted(paths)
    shown = ", ".join(name if name.isprintable() else ascii(name) for name in names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return kind(f"{what}: {shown}{more}.", remedy="Somebody changed the version since. Train it again, or restore it.")


def _paths(folder: Path) -> Iterator[PurePosixPath]:
    folders = [PurePosixPath()]
    while folders:  # a loop, since folders can lie deeper in each other than calls can
        below = folders.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                path = below / entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif entry.is_file(follow_symlinks=False) and _is_utf8(entry.name):
                    yield path
                else:
                    raise _not_plain(path)


def _sha256(folder: Path, path: PurePosixPath) -> str:
    # Without O_NOFOLLOW a link put there since would be followed, and without O_NONBLOCK a pipe would be waited for.
    try:
        descriptor = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if (folder / path).is_symlink():
            raise _not_plain(path) from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _not_plain(path)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _not_plain(path: PurePosixPath) -> FileNotPlain:
    name = str(path)
    return FileNotPlain(
        f"The version holds {name if name.isprintable() else ascii(name)}, which is a link or not a plain file.",
        remedy="Links are not followed. Log the model again without them.",
    )
