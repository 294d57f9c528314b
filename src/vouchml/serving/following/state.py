"""`.vouch/serving/state-….json`: what the watcher of the registry found, for the workers that serve it.

The watcher replaces the file as a whole, so a reader sees one state or the next. It outlives both: a service that
starts reads which version served last, and serves it from the cache before the registry has been asked.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vouchml.canonical_json import canonical_json
from vouchml.errors import FolderNotWritable
from vouchml.settings import Settings

FORMAT: Final = "vouchml-serving-state-v1"
# What the file is padded to, with spaces, so that the next state nearly always has the same size.
_BLOCK: Final = 8192
_OWNER_ONLY: Final = stat.S_IRUSR | stat.S_IWUSR
Role = Literal["champion", "canary", "shadow"]
ROLES: Final[tuple[Role, ...]] = ("champion", "canary", "shadow")


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Assignment(_Value):
    """One version that shall serve in a role; its files are the bundle with this model digest."""

    name: str
    version: str
    run_id: str | None
    source: str
    created: datetime
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class ServingState(_Value):
    """The end of one look at the registry. Empty `problems` mean that what should serve can."""

    format: Literal["vouchml-serving-state-v1"] = FORMAT
    champion: Assignment | None = None
    canary: Assignment | None = None
    shadow: Assignment | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    #: How many versions the watcher has refused since the file began; workers count what it grows by.
    refusals: int = Field(default=0, ge=0, le=2**53)
    last_poll_at: datetime
    registry_reachable: bool
    pointer_alias: int | None = None
    pointer_stage: int | None = None
    pointer_version: int | None = None

    def assigned(self, role: Role) -> Assignment | None:
        """The version of a role."""
        return {"champion": self.champion, "canary": self.canary, "shadow": self.shadow}[role]


class StateFile:
    """The state file of one service, its lock and its bell.

    Services of one folder share a file when they follow the same pointers of the same registry, and only then.
    """

    def __init__(self, settings: Settings) -> None:
        serving = settings.serving
        followed = {
            "tracking_uri": settings.tracking_uri,
            "model": settings.project.registered_model,
            "stage": settings.project.stage,
            "canary": serving.canary.version if serving.canary else None,
            "shadow": serving.shadow,
        }
        key = hashlib.sha256(canonical_json(followed)).hexdigest()[:12]
        self.folder: Final = settings.private_folder / "serving"
        self.path: Final = self.folder / f"state-{key}.json"
        self.lock: Final = self.folder / f"state-{key}.lock"
        self.bell: Final = self.folder / f"state-{key}.look"

    def prepare(self) -> None:
        """Make the folder, for its owner only.

        Raises:
            FolderNotWritable: it cannot be made.
        """
        try:
            # `.vouch` will hold keys too, so it is private as well when it is made here.
            for folder in (self.folder.parent, self.folder):
                folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        except OSError as error:
            raise FolderNotWritable(
                f"The private folder of the service cannot be made: {error.strerror or 'unknown error'}.",
                remedy="Make the project's folder writable for the user that runs the service.",
            ) from error

    def changed(self) -> tuple[int, int]:
        """Something that is another when the file was replaced; it costs microseconds."""
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)

    def read(self) -> ServingState | None:
        """The state, or None when there is none or it is not ours; the watcher will write a new one."""
        try:
            return ServingState.model_validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, state: ServingState) -> None:
        """Replace the state.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        temporary = self.path.with_suffix(f".{os.getpid()}")
        try:
            with open(temporary, "wb", opener=_private) as file:
                file.write(_encoded(state))
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)

    def write_in_place(self, state: ServingState) -> None:
        """Write the state over the one that is there, for which a full disk has room.

        Not atomic: a reader who comes in between finds nothing that it can read, and looks again.

        Raises:
            OSError: there is no state yet, it is larger than the old one, or it cannot be written.
        """
        content = _encoded(state)
        with self.path.open("r+b", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.write(content)

    def ring(self) -> None:
        """Ask the watcher to look at the registry now."""
        self.bell.touch(mode=_OWNER_ONLY)

    def rung(self) -> int:
        """Something that is another after `ring`."""
        try:
            return self.bell.stat().st_mtime_ns
        except OSError:
            return 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _OWNER_ONLY)


def _encoded(state: ServingState) -> bytes:
    content = canonical_json(state.model_dump(mode="json"))
    return content.ljust(-(-len(content) // _BLOCK) * _BLOCK)
