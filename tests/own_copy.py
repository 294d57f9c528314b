"""Copies of a trained project that share nothing with it: what is written to one of them is in no other.

The places of the artifacts are in MLflow's database, so copying the files is not enough; and MLflow remembers, by the
run's id alone and for the whole process, where the artifacts of a run were, and copies have runs of the same ids.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import OrderedDict
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.databases import copy_database

from vouchml.settings import Settings, load_settings

DATABASE = "mlflow.db"


class _NoPlaces(OrderedDict[str, Any]):
    """What MLflow keeps the places of artifacts in, and finds nothing in."""

    def __setitem__(self, run_id: str, place: Any) -> None:
        """Remember nothing."""


def own_copy(project: Path, folder: Path) -> Settings:
    """Copy a project whole into `folder`, which must not be there, and let MLflow find the copied artifacts."""
    _remember_no_places()
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(f"{DATABASE}*"))
    copy_database(project / DATABASE, folder / DATABASE)
    _move_places(folder / DATABASE, project.resolve().as_uri(), folder.resolve().as_uri())
    return load_settings(folder / "vouch.toml")


def unguarded_copy(project: Path, folder: Path) -> Settings:
    """The same without admission, for tests that serve what nobody has signed or what is broken on purpose."""
    own_copy(project, folder)
    with (folder / "vouch.toml").open("a", encoding="utf-8") as file:
        file.write('\n[trust]\nadmission = "off"\n')
    return load_settings(folder / "vouch.toml")


def _move_places(database: Path, before: str, after: str) -> None:
    """Change the address in every text of every table: experiments, runs, models and versions name it."""
    with closing(sqlite3.connect(database)) as tables, tables:
        for (table,) in tables.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, kind, *_ in tables.execute(f"PRAGMA table_info({table})").fetchall():
                if kind.upper().startswith(("VARCHAR", "TEXT")):
                    tables.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",
                        (before, after, before),
                    )


def _remember_no_places() -> None:
    """For the rest of the process. Outside of tests each copy of a project is the only one in its process."""
    from mlflow.tracking._tracking_service import utils

    if not isinstance(utils._artifact_repos_cache, _NoPlaces):
        utils._artifact_repos_cache = _NoPlaces()
