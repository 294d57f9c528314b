"""A connection to PostgreSQL that is durable, waits no longer than it may, and says what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors

from vouchml.errors import LedgerInvalid, LedgerUnavailable, VouchError
from vouchml.ledger.store.base import WAITS_SECONDS
from vouchml.ledger.store.failures import VERIFY

Connection = psycopg.Connection[tuple[Any, ...]]

_WAITS_MILLISECONDS: Final = round(WAITS_SECONDS * 1000)
#: A host that is gone in the middle of a transaction must not hold the head for ever.
_SETTINGS: Final = {
    "search_path": "vouch_ledger",
    "lock_timeout": str(_WAITS_MILLISECONDS),
    "idle_in_transaction_session_timeout": str(2 * _WAITS_MILLISECONDS),
}
_DURABLE: Final = ("on", "remote_write", "remote_apply")
_DAMAGED: Final = (errors.IntegrityError, errors.DataCorrupted, errors.IndexCorrupted)


def connect(url: str) -> Connection:
    """Connect, and make sure that a commit is on disk when it returns.

    Raises:
        LedgerUnavailable: the server cannot be reached, refuses, or is set up to lose commits.
    """
    with translated():
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=round(WAITS_SECONDS),
            application_name="vouchml-ledger",
            # A server that is gone without a word is noticed as soon as one that is busy.
            tcp_user_timeout=2 * _WAITS_MILLISECONDS,
        )
        try:
            for name, value in _SETTINGS.items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            _require_durable(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _require_durable(connection: Connection) -> None:
    if _setting(connection, "synchronous_commit") not in _DURABLE:
        connection.execute("SELECT set_config('synchronous_commit', 'on', false)")
    for name in ("fsync", "full_page_writes"):
        if _setting(connection, name) != "on":
            raise LedgerUnavailable(
                f"The PostgreSQL server of the ledger has {name} off, so that it may lose what it says is written.",
                remedy=f"Set {name} = on in its configuration.",
            )


def _setting(connection: Connection, name: str) -> str:
    ((value,),) = connection.execute("SELECT current_setting(%s)", (name,)).fetchall()
    return str(value)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the errors of PostgreSQL into ours.

    Raises:
        LedgerInvalid: the tables contradict themselves.
        LedgerUnavailable: anything else.
    """
    try:
        yield
    except VouchError:
        raise
    except _DAMAGED as error:
        raise LedgerInvalid(f"The ledger contradicts itself: {_first_line(error)}.", remedy=VERIFY) from error
    except psycopg.Error as error:
        raise LedgerUnavailable(
            f"The ledger's PostgreSQL cannot be used: {_first_line(error)}.", remedy=_remedy(error)
        ) from error


def _first_line(error: psycopg.Error) -> str:
    # Details of an error may repeat a row, and what cannot be connected to is no business of who calls the service.
    if error.diag.message_primary:
        return error.diag.message_primary
    return "it does not answer" if isinstance(error, psycopg.OperationalError) else type(error).__name__


def _remedy(error: psycopg.Error) -> str:
    match error:
        case errors.LockNotAvailable():
            return "Another program holds the ledger for long: find and end it."
        case errors.InsufficientPrivilege():
            return "Let the owner of the ledger do it, or give the role its rights: vouch ledger init --service-role"
        case errors.DiskFull():
            return "Free some space there; the next record is written when there is room."
        case _:
            return "See that it runs, and check [ledger] url."
