"""The addresses of new ledgers, in each kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vouchml.ledger.store import LedgerStore, create_store, open_store

ORIGIN = "example.com/a-ledger"


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """An empty ledger in a file, in a folder with a space in its name."""
    file = tmp_path / "a folder" / "vouch-ledger.db"
    create_store(f"sqlite:///{file}", ORIGIN)
    return file


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """The address of a place where there is no ledger yet."""
    if request.param == "sqlite":
        folder: Path = request.getfixturevalue("tmp_path")
        return f"sqlite:///{folder / 'vouch-ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def url(empty_url: str) -> str:
    """The address of an empty ledger."""
    create_store(empty_url, ORIGIN)
    return empty_url


@pytest.fixture
def store(url: str) -> Iterator[LedgerStore]:
    """An empty ledger, open."""
    with closing(open_store(url)) as opened:
        yield opened
