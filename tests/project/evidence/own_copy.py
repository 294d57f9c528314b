"""A copy of the trained project with artifacts of its own, so that evidence can be written beside its runs."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from vouchml.settings import Settings, load_settings


def forget_places() -> None:
    """Let MLflow forget where it found the artifacts of a run, which it remembers by the run's id alone.

    Copies of a project have runs of the same ids in other places, and each is a process of its own outside of tests.
    """
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()


def own_copy(project: Path, folder: Path) -> Settings:
    """Copy a project whole, and let MLflow find the copied artifacts."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("mlflow.db*"))
    database = folder / "mlflow.db"
    before, after = project.resolve().as_uri(), folder.resolve().as_uri()
    with closing(sqlite3.connect(project / "mlflow.db")) as old, closing(sqlite3.connect(database)) as new, new:
        old.backup(new)
        for (table,) in new.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, kind, *_ in new.execute(f"PRAGMA table_info({table})").fetchall():
                if kind.upper().startswith(("VARCHAR", "TEXT")):
                    new.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",
                        (before, after, before),
                    )
    forget_places()
    return load_settings(folder / "vouch.toml")
