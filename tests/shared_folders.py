"""Folders that are made once a session, for many tests to read and to copy: a test that changes one is found out.

Whoever makes such a folder has it watched: `return shared_folders.watch(folder)`. When the last test of a file has run,
`conftest.py` asks what has changed since, and fails that file; without it another file would fail, or prove nothing.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

# SQLite keeps these beside a database while somebody has it open; also who only reads.
OPEN_DATABASE = ("-shm", "-wal")


class SharedFolders:
    """What was in each folder when it was last looked at."""

    def __init__(self) -> None:
        self._seen: dict[Path, dict[str, str]] = {}

    def watch(self, folder: Path) -> Path:
        """From now on, what is in the folder stays as it is."""
        self._seen[folder] = _digests(folder)
        return folder

    def changes(self) -> list[str]:
        """Each file that is other, more or less than at the last look; the next look is compared with this one."""
        found = []
        for folder, before in self._seen.items():
            now = self._seen[folder] = _digests(folder)
            for name in sorted(before.keys() | now.keys()):
                if before.get(name) != now.get(name):
                    what = "added" if name not in before else "removed" if name not in now else "changed"
                    found.append(f"{what}: {folder / name}")
        return found


def _digests(folder: Path) -> dict[str, str]:
    """The digest of each file by its place in the folder."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(OPEN_DATABASE)
    }
