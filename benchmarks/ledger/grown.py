"""A project whose ledger grows: its settings, its keys, and what its records can be asked for by."""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.ledger.made_up import MadeUp
from benchmarks.serving.machine import REPOSITORY
from vouchml.ledger.open import open_for_writing
from vouchml.settings import Settings, load_settings, sqlite_file
from vouchml.trust.key_ring import KeyRing

#: Groups between the measured ones. The head is signed once a group at most, and a verification of ours tells of gaps
#: from 2,000 records on, those of a new version included.
FILLED_AT_ONCE: Final = 1_500
#: So often another version answers.
VERSION_EVERY: Final = 250_000


@dataclass(frozen=True)
class Appended:
    """What some appends took, in seconds; `slowest` is of one of them."""

    records: int
    processor: float
    elapsed: float
    slowest: float


class GrownLedger:
    """The ledger of a project in `folder`, open to write, each commit on disk and signed as often as the service does.

    `url` names another store than a file in that folder.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self.settings = _project(folder, url)
        self.store, self._schedule = open_for_writing(self.settings)
        self.request_ids: list[str] = []
        self._made_up = MadeUp()
        self._next_version = 0
        self.size = 0

    @property
    def bytes_on_disk(self) -> int | None:
        """Of the database with its write-ahead log; None where it is not a file."""
        file = sqlite_file(self.settings.ledger_url)
        return None if file is None else sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))

    def grow(self, until: int, group: int = FILLED_AT_ONCE) -> Appended:
        """Append predictions in groups until there are `until` records. Making them is no part of the times."""
        appended, processor, elapsed, slowest = 0, 0.0, 0.0, 0.0
        while self.size < until:
            if self.size >= self._next_version:
                self._next_version += VERSION_EVERY
                self.size = self.store.append(self._made_up.next_version(), sign=self._schedule.due).size
            records = self._made_up.predictions(min(group, until - self.size))
            began, processor_began = time.perf_counter(), time.thread_time()
            self.size = self.store.append(records, sign=self._schedule.due).size
            took = time.perf_counter() - began
            processor += time.thread_time() - processor_began
            appended, elapsed, slowest = appended + len(records), elapsed + took, max(slowest, took)
            if not self.request_ids or random.random() < len(records) / FILLED_AT_ONCE:
                self.request_ids.append(records[-1].ids[0])
        return Appended(appended, processor, elapsed, slowest)

    def sign(self) -> None:
        """Sign the head, so that every record has a receipt."""
        self.store.append([], sign=self._schedule.final)

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def _project(folder: Path, url: str) -> Settings:
    folder.mkdir()
    file = Path(shutil.copy(REPOSITORY / "vouch.toml", folder))
    if url:
        with file.open("a", encoding="utf-8") as settings_file:
            settings_file.write(f'\n[ledger]\nurl = "{url}"\n')
    settings = load_settings(file)
    KeyRing(settings.signing_keys_folder, settings.trust_store_path).add_development_keys()
    return settings
