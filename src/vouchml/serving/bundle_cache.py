"""The private folder of bundles: one read-only folder a model digest, complete or not there at all.

A version is fetched into a folder beside and renamed to its digest. A folder that is there already is used only if
its files still have that digest; otherwise it is replaced.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vouchml.errors import BundleInvalid, FolderNotWritable, VouchError
from vouchml.model import Bundle, model_digest, open_bundle
from vouchml.model.bundle import make_read_only, make_writable

KEPT: Final = 5
_FETCHING: Final = ".fetching-"
_ABANDONED_SECONDS: Final = 3600.0


class BundleCache:
    """Bundles under `folder`, which is made with mode 0700 when the first one is fetched.

    Several processes may share the folder. A model is in memory once it is loaded, so old bundles can go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def obtain(self, fetch: Callable[[Path], None]) -> Bundle:
        """Let `fetch` fill an empty folder, and return the verified bundle of these files.

        Raises:
            BundleInvalid: the files are not a bundle.
            FolderNotWritable: the disk is full, or the folder cannot be written.
        """
        with _disk_errors():
            self._prepare()
            temporary = Path(tempfile.mkdtemp(prefix=_FETCHING, dir=self.folder))
        try:
            # One level down, so that what `fetch` leaves beside the files goes with them.
            files = temporary / "files"
            files.mkdir()
            fetch(files)
            with _disk_errors():
                return self._adopt(files, spare=temporary / "replaced")
        finally:
            _remove(temporary)

    def prune(self, keep: Bundle) -> None:
        """Remove all but `keep` and the bundles used last, and what an interrupted fetch left behind."""
        entries = [entry for entry in self.folder.iterdir() if entry.is_dir() and entry != keep.folder]
        bundles = sorted((entry for entry in entries if not entry.name.startswith(".")), key=_used, reverse=True)
        abandoned = [
            entry
            for entry in entries
            if entry.name.startswith(_FETCHING) and time.time() - _used(entry) > _ABANDONED_SECONDS
        ]
        for folder in (*bundles[KEPT - 1 :], *abandoned):
            _remove(folder)

    def _prepare(self) -> None:
        # `.vouch` will hold keys too, so it is private as well when it is made here.
        self.folder.parent.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        self.folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        self.folder.chmod(stat.S_IRWXU)

    def _adopt(self, files: Path, *, spare: Path) -> Bundle:
        bundle = open_bundle(files)
        folder = self.folder / bundle.digest
        if not _holds(folder, bundle.digest):
            if folder.exists():
                # Moved away first: a rename over a folder that is not empty fails.
                make_writable(folder)
                folder.rename(spare)
            files.rename(folder)
        make_read_only(folder)
        os.utime(folder)
        return Bundle(folder=folder, digest=bundle.digest, contract=bundle.contract)


def _holds(folder: Path, digest: str) -> bool:
    if not folder.is_dir() or folder.is_symlink():
        return False
    try:
        return model_digest(folder) == digest
    except (BundleInvalid, OSError):
        return False


def _used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove(folder: Path) -> None:
    if folder.is_dir():
        with suppress(OSError):  # another process may remove it as well
            make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except VouchError:
        raise
    except OSError as error:
        raise FolderNotWritable(
            f"The private folder for bundles cannot be written: {error.strerror or 'unknown error'}.",
            remedy="Make .vouch writable for the user that runs the service, and leave room on the disk.",
        ) from error
