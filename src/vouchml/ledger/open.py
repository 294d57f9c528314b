"""The ledger of a project, opened: its store, its origin and its key, as the settings and the trust store name them."""

from __future__ import annotations

import re
import secrets
from contextlib import closing
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vouchml.errors import LedgerInvalid, SigningKeyNotFound
from vouchml.ledger.checkpoint import SignerKey
from vouchml.ledger.checkpoint_schedule import CheckpointSchedule
from vouchml.ledger.origin_file import OriginFile
from vouchml.ledger.store import LedgerStore, create_store, open_store
from vouchml.ledger.store.sqlite_file import require_room
from vouchml.settings import Settings, sqlite_file
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.private_file import changing

_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]+")


def open_ledger(settings: Settings, *, must_be_whole: bool = True) -> LedgerStore:
    """The project's ledger; `must_be_whole` as in `open_store`.

    Raises:
        LedgerInvalid: the settings name none, it has not been created, or it is not the one that was there before.
        LedgerUnavailable: it cannot be opened now.
    """
    if not settings.ledger.url:
        raise LedgerInvalid("This project keeps no ledger.", remedy="Set [ledger] url in vouch.toml.")
    known = OriginFile(settings.private_folder).read()
    _require_still_there(settings, known)
    store = open_store(settings.ledger_url, must_be_whole=must_be_whole)
    if known is not None and store.origin() != known:
        store.close()
        raise LedgerInvalid(
            f"The ledger is another one than before: its origin is not {known}.",
            remedy="Put the right one back; to go on with this one, remove .vouch/ledger-origin.",
        )
    return store


def known_origin(settings: Settings) -> str | None:
    """The origin of the ledger that this machine has used; None when it has used none.

    Raises:
        LedgerUnavailable: the file that says it cannot be read.
    """
    return OriginFile(settings.private_folder).read()


def create_ledger(settings: Settings) -> str:
    """Create the project's ledger, unless it is there; its origin.

    Raises:
        LedgerInvalid: there was one, and it is gone.
        LedgerUnavailable: it cannot be created.
    """
    file = OriginFile(settings.private_folder)
    with changing(file.path):
        known = file.read()
        _require_still_there(settings, known)
        found = _origin_there(settings)
        if found is None:
            found = known or settings.ledger.origin or _new_origin(settings)
            create_store(settings.ledger_url, found)
        file.write(found)
        return found


def is_begun(settings: Settings) -> bool:
    """Whether there is a ledger to read. One in a file is made with its first record, and a lost one was begun."""
    if not settings.ledger.url:
        return False
    return sqlite_file(settings.ledger_url) is None or known_origin(settings) is not None


def grant_service_role(settings: Settings, role: str) -> None:
    """Let the role of the service add to the ledger, and no more. For the owner of its tables.

    Raises:
        LedgerInvalid: the ledger is in a file, which has no roles.
        LedgerUnavailable: the server cannot be reached, or refuses.
    """
    if sqlite_file(settings.ledger_url) is not None:
        raise LedgerInvalid(
            "A ledger in a file has no roles: whoever may write the file may change it.",
            remedy="Leave --service-role out, or set [ledger] url to a PostgreSQL database.",
        )
    from vouchml.ledger.store.postgres import PostgresStore

    PostgresStore.grant_service_role(settings.ledger_url, role)


def _origin_there(settings: Settings) -> str | None:
    try:
        store = open_store(settings.ledger_url)
    except LedgerInvalid:  # creating it says what is wrong if there is something
        return None
    with closing(store):
        return store.origin()


def open_for_writing(settings: Settings) -> tuple[LedgerStore, CheckpointSchedule]:
    """The project's ledger and when its head is signed; a SQLite ledger is created when there has never been one.

    Raises:
        LedgerInvalid, LedgerUnavailable: see `open_ledger`.
        VouchError: the key of the ledger cannot be read.
    """
    database = sqlite_file(settings.ledger_url)
    if database is not None:
        if not is_begun(settings):
            create_ledger(settings)
        require_room(database)
    store = open_ledger(settings)
    latest = store.latest_checkpoint()
    schedule = CheckpointSchedule(
        store.origin(),
        ledger_key(settings, store.origin()),
        signed_size=latest.size if latest is not None else 0,
        records=settings.ledger.checkpoint_records,
        seconds=settings.ledger.checkpoint_seconds,
    )
    return store, schedule


def ledger_key(settings: Settings, origin: str) -> SignerKey | None:
    """The key that signs the heads of the ledger `origin` here; None when this machine has none."""
    try:
        key, _ = KeyRing(settings.signing_keys_folder, settings.trust_store_path).signer("ledger")
    except SigningKeyNotFound:
        return None
    private = key.private
    assert isinstance(private, Ed25519PrivateKey)  # noqa: S101 - the only kind for this role
    return SignerKey(origin, private)


def _require_still_there(settings: Settings, known: str | None) -> None:
    """Never begin a new log in silence where there was one.

    Raises:
        LedgerInvalid: the file is gone.
    """
    database = sqlite_file(settings.ledger_url)
    if known is not None and database is not None and not database.exists():
        raise LedgerInvalid(
            f"The ledger {database.name} is gone; its origin was {known}.",
            remedy="Put it back from a copy. To begin a new one all the same, remove .vouch/ledger-origin.",
        )


def _new_origin(settings: Settings) -> str:
    """A name that no other ledger has, without a scheme as C2SP tlog-checkpoint wants it."""
    model = _PLAIN.sub("-", settings.project.registered_model).strip("-") or "ledger"
    return f"vouchml.local/{model}/{secrets.token_hex(8)}"
