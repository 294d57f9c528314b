"""The stores by the scheme of their address, and how to open one.

A new kind of store is one file beside this one and one line in `STORES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vouchml.errors import DependencyMissing, LedgerInvalid
from vouchml.ledger.store.base import LedgerStore
from vouchml.settings import sqlite_file


@dataclass(frozen=True, slots=True)
class StoreKind:
    """How to make a ledger, to let a role add to it, and to open it, by its address."""

    create: Callable[[str, str], None]
    grant: Callable[[str, str], None]
    open: Callable[[str, bool], LedgerStore]
    install: str


def create_store(url: str, origin: str) -> None:
    """Make an empty ledger named `origin` at `url`; one that is there already, with that origin, stays as it is.

    Raises:
        LedgerInvalid: the address has no store, or there is something else.
        LedgerUnavailable: it cannot be reached or written.
        DependencyMissing: the store needs a package that is not installed.
    """
    kind = _kind(url)
    with _imports(kind):
        kind.create(url, origin)


def grant_service_role(url: str, role: str) -> None:
    """Let the database role `role` add to the ledger and read it, and do nothing else; `url` is the one of its owner.

    Raises:
        LedgerInvalid: the store has no roles.
        LedgerUnavailable: it cannot be reached, or there is no such role.
        DependencyMissing: the store needs a package that is not installed.
    """
    kind = _kind(url)
    with _imports(kind):
        kind.grant(url, role)


def open_store(url: str, *, must_be_whole: bool = True) -> LedgerStore:
    """Open the ledger at `url`, for one thread. It must have been made before.

    Whoever verifies it opens also one whose head does not fit its records, to find out where.

    Raises:
        LedgerInvalid: there is none, it is of another format, or its head does not fit its records.
        LedgerUnavailable: it cannot be reached or read.
        DependencyMissing: the store needs a package that is not installed.
    """
    kind = _kind(url)
    with _imports(kind):
        return kind.open(url, must_be_whole)


def _sqlite_path(url: str) -> Path:
    path = sqlite_file(url)
    if path is None or not path.name:
        raise LedgerInvalid("[ledger] url names no file.", remedy="Write it so: sqlite:///vouch-ledger.db")
    return path


def _create_sqlite(url: str, origin: str) -> None:
    from vouchml.ledger.store.sqlite import SqliteStore

    SqliteStore.create(_sqlite_path(url), origin)


def _grant_sqlite(_url: str, _role: str) -> None:
    raise LedgerInvalid(
        "A ledger in a file has no roles: whoever may write the file may change it.",
        remedy="Keep it in PostgreSQL, or leave the role out.",
    )


def _open_sqlite(url: str, must_be_whole: bool) -> LedgerStore:
    from vouchml.ledger.store.sqlite import SqliteStore

    return SqliteStore(_sqlite_path(url), must_be_whole=must_be_whole)


def _create_postgres(url: str, origin: str) -> None:
    from vouchml.ledger.store.postgres import PostgresStore

    PostgresStore.create(url, origin)


def _grant_postgres(url: str, role: str) -> None:
    from vouchml.ledger.store.postgres import PostgresStore

    PostgresStore.grant_service_role(url, role)


def _open_postgres(url: str, must_be_whole: bool) -> LedgerStore:
    from vouchml.ledger.store.postgres import PostgresStore

    return PostgresStore(url, must_be_whole=must_be_whole)


_SQLITE: Final = StoreKind(_create_sqlite, _grant_sqlite, _open_sqlite, "pip install 'vouchml[serve]'")
_POSTGRES: Final = StoreKind(_create_postgres, _grant_postgres, _open_postgres, "pip install 'vouchml[postgres]'")

STORES: Final[Mapping[str, StoreKind]] = {
    "sqlite": _SQLITE,
    "postgresql": _POSTGRES,
    "postgres": _POSTGRES,
}


def _kind(url: str) -> StoreKind:
    scheme = url.partition("://")[0]
    if scheme not in STORES:
        raise LedgerInvalid(
            "[ledger] url has no kind of store that is known.", remedy=f"It begins with one of: {', '.join(STORES)}."
        )
    return STORES[scheme]


@contextmanager
def _imports(kind: StoreKind) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DependencyMissing(
            f"The ledger needs {error.name}, which is not installed.", remedy=kind.install
        ) from error
