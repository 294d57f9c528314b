"""The private folder of bundles: one read-only folder a model digest, complete or not there at all.

A version is fetched into a folder beside and renamed to its digest. A folder that is there already is used only if
its files still have that digest; otherwise it is replaced. Whoever fetches holds a lock on the folder beside, which the
kernel takes away with the process: what a killed one has left is known by that, and removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from vouchml.errors import BundleInvalid, FolderNotWritable, VouchError
from vouchml.model import Bundle, model_digest, open_bundle
from vouchml.model.bundle import make_read_only, make_writable

KEPT: Final = 5
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FETCHING: Final = ".fetching-"


class BundleCache:
    """Bundles under `folder`, which is made with mode 0700 when the first one is fetched.

    Several processes may share the folder. A model is in memory once it is loaded, so old bundles can go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def obtain(self, fetch: Callable[[Path], None], *, accept: Callable[[Bundle], None] = lambda _: None) -> Bundle:
        """Let `fetch` fill an empty folder, and return the verified bundle of these files.

        What `accept` refuses, by an error of its own, never comes into the cache: so a bundle that serves is not
        replaced by one that cannot and yet has the same digest.

        Raises:
            BundleInvalid: the files are not a bundle.
            FolderNotWritable: the disk is full, or the folder cannot be written.
        """
        with self._temporary_folder() as temporary:
            # One level down, so that what `fetch` leaves beside the files goes with them.
            files = temporary / "files"
            files.mkdir()
            with _full_disk_behind():
                fetch(files)
            with _disk_errors():
                bundle = open_bundle(files)
            accept(bundle)
            with _disk_errors():
                return self._adopt(bundle, spare=temporary / "replaced")

    def open(self, digest: str) -> Bundle:
        """The bundle with this model digest, verified anew; one that was changed is taken out of the cache.

        Raises:
            BundleInvalid: it is not there, or its files are not the ones that were verified when they arrived.
        """
        folder = self._folder_of(digest)
        if not folder.is_dir() or folder.is_symlink():
            raise BundleInvalid("Its files are not in the cache.", remedy="They are fetched again within seconds.")
        if not _holds(folder, digest):
            _remove(folder)
            raise BundleInvalid(
                "Its files in the cache were changed; they were not loaded.",
                remedy="They are fetched again. Find out who writes to .vouch/bundles.",
            )
        bundle = open_bundle(folder)
        return Bundle(folder=folder, digest=digest, contract=bundle.contract)

    def holds(self, digest: str) -> bool:
        """Whether the bundle with this model digest is in the cache, every file as it should be."""
        return _holds(self._folder_of(digest), digest)

    def has(self, digest: str) -> bool:
        """Whether there is a folder for this model digest; `open` says whether it can be used."""
        return self._folder_of(digest).is_dir()

    def discard(self, digest: str) -> None:
        """Take a bundle out that cannot be loaded, so that it is fetched anew instead of being trusted again."""
        _remove(self._folder_of(digest))

    def prune(self, keep: Collection[str]) -> None:
        """Remove all but the digests in `keep` and the bundles used last."""
        bundles = [entry for entry in self._entries() if not entry.name.startswith(".") and entry.name not in keep]
        for folder in sorted(bundles, key=_used, reverse=True)[max(0, KEPT - len(keep)) :]:
            _remove(folder)

    def remove_abandoned(self) -> None:
        """Remove what those have left who were killed while they fetched."""
        with suppress(OSError):
            for folder in self._entries():
                if folder.name.startswith(_FETCHING):
                    with suppress(OSError), _locked(folder):  # one that is locked is not abandoned
                        _remove(folder)

    def _folder_of(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise BundleInvalid("What should name a bundle is not a model digest.", remedy="Remove .vouch/serving.")
        return self.folder / digest

    def _entries(self) -> list[Path]:
        return [entry for entry in self.folder.iterdir() if entry.is_dir()] if self.folder.is_dir() else []

    @contextmanager
    def _temporary_folder(self) -> Iterator[Path]:
        """A new folder, locked as long as it is in use, and removed afterwards."""
        with ExitStack() as held:
            with _disk_errors():
                self._prepare()
                temporary = Path(tempfile.mkdtemp(prefix=_FETCHING, dir=self.folder))
                held.callback(_remove, temporary)
                held.enter_context(_locked(temporary))
            yield temporary

    def _prepare(self) -> None:
        # `.vouch` will hold keys too, so it is private as well when it is made here.
        self.folder.parent.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        self.folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        self.folder.chmod(stat.S_IRWXU)

    def _adopt(self, bundle: Bundle, *, spare: Path) -> Bundle:
        files, folder = bundle.folder, self.folder / bundle.digest
        # The digest covers contents in the order of their names; a file under another name is another bundle.
        if not _holds(folder, bundle.digest) or _names(folder) != _names(files):
            if folder.is_dir() and not folder.is_symlink():
                # Moved away first: a rename over a folder that is not empty fails.
                make_writable(folder)
                folder.rename(spare)
            else:
                folder.unlink(missing_ok=True)  # a link or a file: what a link points at is not ours
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


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


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
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`.

    Raises:
        OSError: another process holds it, or the folder is gone.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except VouchError:
        raise
    except OSError as error:
        raise _not_writable(error.strerror or "unknown error") from error


@contextmanager
def _full_disk_behind() -> Iterator[None]:
    """Say that the disk is full where MLflow says so somewhere in a long text of its own."""
    try:
        yield
    except VouchError as error:
        for number in (errno.ENOSPC, errno.EDQUOT):
            if any(f"[Errno {number}]" in str(cause) for cause in _causes(error)):
                raise _not_writable(os.strerror(number)) from error
        raise


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _not_writable(why: str) -> FolderNotWritable:
    return FolderNotWritable(
        f"The private folder for bundles cannot be written: {why}.",
        remedy="Make .vouch writable for the user that runs the service, and leave room on the disk.",
    )
