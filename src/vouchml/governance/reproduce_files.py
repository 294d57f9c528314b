"""Which files of two versions are the same: byte by byte, but for what names a time, a run or a place in memory.

`MLmodel` names the run and the time at which it was logged, and is left out. `model.skops` is a ZIP archive whose
members carry the time and are named by `id()` of Python objects: of it the members' bytes count, and its schema with
these ids numbered in the order in which they stand.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

from vouchml.canonical_json import canonical_json
from vouchml.errors import BundleInvalid
from vouchml.model.scorers.sklearn import MODEL_FILE as SKOPS_FILE

#: Each names the run, the model's id in MLflow, or the time.
LEFT_OUT: Final = frozenset({"MLmodel"})
_SCHEMA: Final = "schema.json"


@dataclass(frozen=True)
class FileComparison:
    """The files that were compared, those of them that differ, and those that were left out, by path in the folder."""

    compared: tuple[str, ...]
    differing: tuple[str, ...]
    left_out: tuple[str, ...]
    recorded_digest: str
    digest_now: str

    @property
    def identical(self) -> bool:
        """Whether all files that were compared are the same on both sides."""
        return bool(self.compared) and not self.differing


def compare_files(recorded: Path, now: Path) -> FileComparison:
    """Compare the files of two versions; one that only one of them has differs.

    Raises:
        BundleInvalid: a `model.skops` is not what skops writes.
    """
    before, after = (_digests(folder) for folder in (recorded, now))
    names = sorted(before.keys() | after.keys())
    compared = tuple(name for name in names if name not in LEFT_OUT)
    return FileComparison(
        compared=compared,
        differing=tuple(name for name in compared if before.get(name) != after.get(name)),
        left_out=tuple(name for name in names if name in LEFT_OUT),
        recorded_digest=_root(before),
        digest_now=_root(after),
    )


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): skops_digest(path) if path.name == SKOPS_FILE else _digest(path)
        for path in folder.rglob("*")
        if path.is_file()
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _root(digests: dict[str, str]) -> str:
    kept = {name: digest for name, digest in digests.items() if name not in LEFT_OUT}
    return sha256(canonical_json(kept)).hexdigest()


def skops_digest(path: Path) -> str:
    """The SHA-256 of what a skops file holds.

    Raises:
        BundleInvalid: it is not what skops writes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist() if name != _SCHEMA}
            schema = json.loads(archive.read(_SCHEMA))
            text = json.dumps(_without_ids(schema, members, {}), sort_keys=True)
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, OSError) as error:
        raise BundleInvalid(f"{path.name} is not what skops writes.", remedy="Train the version again.") from error
    return sha256(text.encode()).hexdigest()


def _without_ids(value: Any, members: dict[str, str], ids: dict[Any, int]) -> Any:
    """`value` with objects numbered in the order of their first mention, and files named by their digests."""
    if isinstance(value, list):
        return [_without_ids(entry, members, ids) for entry in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, entry in value.items():
        if key == "__id__":
            made[key] = ids.setdefault(entry, len(ids))
        elif key == "file":
            made[key] = members[entry]
        else:
            made[key] = _without_ids(entry, members, ids)
    return made
