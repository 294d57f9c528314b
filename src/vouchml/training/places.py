"""Where a training writes, and whether it can: found out before the work, not after it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile, gettempdir
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from vouchml.errors import FolderNotWritable
from vouchml.settings import Settings, sqlite_file

# A run of a small model takes 1 MiB, a new database of MLflow's another, and SQLite keeps a copy of what it changes.
LEAST_FREE_MIB: Final = 20
_SPARE_BYTES: Final = 256 * 1024
_ELSEWHERE: Final = "or set [project] tracking_uri and artifacts to another place."


def artifact_root(settings: Settings) -> str | None:
    """The URI below which a new experiment of the project keeps its artifacts; None leaves it to the MLflow server."""
    name = settings.project.experiment
    folder = "".join(character if character.isalnum() or character in "-_." else "_" for character in name)
    return settings.artifact_location and f"{settings.artifact_location}/{folder}"


def require_writable(settings: Settings) -> None:
    """Find out whether what a training writes can be written; nothing is made yet.

    Raises:
        FolderNotWritable: where the database, the artifacts or temporary files go, this user may not write, or too
            little space is left.
    """
    for place in _places(settings):
        try:
            folder = next(folder for folder in (place, *place.parents) if folder.exists())
            with TemporaryDirectory(dir=folder):
                free = shutil.disk_usage(folder).free / 2**20
        except OSError as error:
            raise FolderNotWritable(
                f"{place} cannot be written: {error.strerror or 'no reason given'}.",
                remedy=f"Give yourself write permission, {_ELSEWHERE}",
            ) from error
        if free < LEAST_FREE_MIB:
            raise FolderNotWritable(
                f"{free:.1f} MiB are left at {folder}; a training needs {LEAST_FREE_MIB} MiB.",
                remedy=f"Free some space there, {_ELSEWHERE}",
            )


def spare_room(settings: Settings) -> IO[bytes]:
    """Space beside the database that is free again when this file, which has no name, is closed.

    MLflow needs some to mark a run as failed, also when a full disk is what made it fail.
    """
    database = sqlite_file(settings.tracking_uri)
    room = TemporaryFile(dir=database.parent if database else None)  # noqa: SIM115 - the caller closes it
    room.write(bytes(_SPARE_BYTES))
    room.flush()
    return room


def _places(settings: Settings) -> Iterator[Path]:
    if database := sqlite_file(settings.tracking_uri):
        yield database.parent
    root = artifact_root(settings)
    if root is not None and root.startswith("file:"):
        yield Path(unquote(urlsplit(root).path))
    yield _temporary_folder()


def _temporary_folder() -> Path:
    try:
        return Path(gettempdir())
    except OSError as error:
        raise FolderNotWritable(
            "There is no folder for temporary files.",
            remedy="Free some space in /tmp, or set TMPDIR to a folder that you may write to.",
        ) from error
