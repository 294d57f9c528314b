"""What only the store in PostgreSQL promises: rights, and the truth about a commit whose answer was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors, sql
from tests.ledger.store.conftest import ORIGIN
from tests.ledger.store.cut_connection import Cut, CutConnection, cut_connection
from tests.ledger.store.made_up import erasure, prediction, predictions, signed, unsigned

from vouchml.errors import LedgerUnavailable
from vouchml.ledger.store import Appended, grant_service_role
from vouchml.ledger.store.postgres import PostgresStore

ROLE = 'the "service"'


@pytest.fixture
def ledger_url(postgres_url: str) -> str:
    """An empty ledger, for its owner."""
    PostgresStore.create(postgres_url, ORIGIN)
    return postgres_url


@pytest.fixture
def service_url(ledger_url: str) -> Iterator[str]:
    """The same ledger, for the service."""
    with psycopg.connect(ledger_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(ROLE)))
        grant_service_role(ledger_url, ROLE)
        yield ledger_url.replace("//owner@", "//the%20%22service%22@")
        owner.execute(sql.SQL("DROP OWNED BY {0}").format(sql.Identifier(ROLE)))
        owner.execute(sql.SQL("DROP ROLE {0}").format(sql.Identifier(ROLE)))


def test_the_service_can_add_and_read(service_url: str) -> None:
    records = predictions(300)
    with closing(PostgresStore(service_url)) as store:
        assert store.append(records, sign=signed) == Appended(0, 300)
        assert [entry.payload for entry in store.entries(0, 300)] == [record.payload for record in records]
        assert store.find(records[9].ids[1]) == (9,)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE leaf SET text = ''",
        "DELETE FROM leaf",
        "TRUNCATE leaf",
        "DROP TABLE leaf",
        "ALTER TABLE leaf ADD COLUMN a integer",
        "UPDATE payload SET body = ''",
        "DELETE FROM payload",
        "UPDATE node SET hash = ''",
        "DELETE FROM node",
        "UPDATE served SET text = ''",
        "UPDATE checkpoint SET note = ''",
        "DELETE FROM checkpoint",
        "DELETE FROM lookup",
        "DELETE FROM event",
        "DELETE FROM head",
        "INSERT INTO head VALUES (2, 0, '')",
        "UPDATE ledger SET origin = ''",
        "CREATE TABLE vouch_ledger.another(a integer)",
    ],
)
def test_the_service_can_change_and_delete_nothing_that_is_written(service_url: str, change: LiteralString) -> None:
    with closing(PostgresStore(service_url)) as store:
        store.append(predictions(300), sign=signed)
    session = psycopg.connect(service_url, options="-c search_path=vouch_ledger")
    with session as service, pytest.raises(errors.InsufficientPrivilege):
        service.execute(change)


def test_the_service_cannot_erase_and_its_owner_can(service_url: str, ledger_url: str) -> None:
    with closing(PostgresStore(service_url)) as service, closing(PostgresStore(ledger_url)) as owner:
        service.append(predictions(2), sign=unsigned)
        with pytest.raises(LedgerUnavailable, match="permission denied") as caught:
            service.erase([1], [erasure(1)])
        assert "owner" in caught.value.remedy
        assert service.head().size == 2
        owner.erase([1], [erasure(1)])
        assert service.entry(1).payload is None


def test_no_byte_of_an_erased_payload_is_left_in_the_file_of_the_table(ledger_url: str) -> None:
    records = [prediction(payload=b"payload %d of a patient" % number) for number in range(20)]
    with closing(PostgresStore(ledger_url)) as store:
        store.append(records, sign=unsigned)
        store.erase([3, 7], [erasure(3), erasure(7)])
        content = _payload_file(ledger_url)
        for index, record in enumerate(records):
            assert record.payload is not None
            assert record.salt is not None
            assert (record.payload in content) == (record.salt in content) == (index not in (3, 7)), index


def test_an_erasure_says_when_somebody_may_still_see_what_was_deleted_and_takes_the_copy_when_it_is_asked_again(
    ledger_url: str,
) -> None:
    record = prediction(payload=b"a payload of a patient")
    with closing(PostgresStore(ledger_url)) as store, psycopg.connect(ledger_url) as reader:
        store.append([record], sign=unsigned)
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM vouch_ledger.head")
        with pytest.raises(LedgerUnavailable, match="Erased, but the table's file still has a copy: a transaction"):
            store.erase([0], [erasure(0)])
        assert store.entry(0).payload is None
        reader.rollback()
        store.erase([], [])
        assert b"a payload of a patient" not in _payload_file(ledger_url)
        assert store.head().size == 2


def _payload_file(url: str) -> bytes:
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CHECKPOINT")
        statement = "SELECT current_setting('data_directory'), pg_relation_filepath('vouch_ledger.payload')"
        ((folder, file),) = owner.execute(statement).fetchall()
    return Path(folder, file).read_bytes()


def test_a_role_that_is_not_there_is_an_error(ledger_url: str) -> None:
    with pytest.raises(LedgerUnavailable, match="does not exist"):
        grant_service_role(ledger_url, "nobody of that name")


@pytest.fixture
def way(ledger_url: str) -> Iterator[tuple[CutConnection, str]]:
    """A way to the ledger that can be cut."""
    with TemporaryDirectory(prefix="vouch-way-") as folder, cut_connection(ledger_url, Path(folder)) as made:
        yield made


@pytest.mark.parametrize("when", ["before the server has it", "before its answer"])
def test_a_commit_whose_answer_is_lost_is_found_out_and_never_done_twice(
    way: tuple[CutConnection, str], ledger_url: str, when: Cut
) -> None:
    connection, url = way
    records = predictions(5)
    with closing(PostgresStore(url)) as store, closing(PostgresStore(ledger_url)) as other:
        store.append(predictions(2), sign=unsigned)
        connection.cut(when)
        if when == "before its answer":
            assert store.append(records, sign=signed) == Appended(2, 7)
        else:
            with pytest.raises(LedgerUnavailable):
                store.append(records, sign=signed)
            assert other.head().size == 2
            assert store.append(records, sign=signed) == Appended(2, 7)
        assert [entry.leaf for entry in other.entries(2, 9)] == [record.leaf for record in records]
        assert store.append(predictions(1), sign=unsigned) == Appended(7, 8)


def test_a_commit_that_cannot_be_found_out_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, way: tuple[CutConnection, str], ledger_url: str
) -> None:
    monkeypatch.setattr("vouchml.ledger.store.postgres.WAITS_SECONDS", 0.3)
    connection, url = way
    with closing(PostgresStore(url)) as store, closing(PostgresStore(ledger_url)) as other:
        connection.cut("before its answer")
        connection.refuse()
        with pytest.raises(LedgerUnavailable, match="whether its 5 records from 0 on are there is not known"):
            store.append(predictions(5), sign=unsigned)
        assert other.append(predictions(1), sign=unsigned) == Appended(5, 6)


def test_a_lost_connection_is_made_again(ledger_url: str) -> None:
    with closing(PostgresStore(ledger_url)) as store:
        store.append(predictions(1), sign=unsigned)
        with psycopg.connect(ledger_url, autocommit=True) as owner:
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'vouchml-ledger' AND datname = current_database()"
            )
        with pytest.raises(LedgerUnavailable):
            store.append(predictions(1), sign=unsigned)
        assert store.append(predictions(1), sign=unsigned) == Appended(1, 2)


def test_a_server_that_is_not_there_is_an_error_without_its_address(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        PostgresStore(f"postgresql://someone:a-password@/db?host={tmp_path}")
    for secret in ("someone", "a-password", str(tmp_path)):
        assert secret not in caught.value.diagnostics()


def test_a_server_that_may_lose_commits_is_refused(postgres_server: str, ledger_url: str) -> None:
    with psycopg.connect(postgres_server, autocommit=True) as owner:
        try:
            owner.execute("ALTER SYSTEM SET full_page_writes = off")
            owner.execute("SELECT pg_reload_conf()")
            with pytest.raises(LedgerUnavailable, match="full_page_writes off"):
                _open_often(ledger_url)
        finally:
            owner.execute("ALTER SYSTEM RESET full_page_writes")
            owner.execute("SELECT pg_reload_conf()")


def test_a_session_that_does_not_wait_for_the_disk_is_made_to(ledger_url: str) -> None:
    with psycopg.connect(ledger_url, autocommit=True) as owner:
        owner.execute("ALTER ROLE owner SET synchronous_commit = off")
        try:
            with closing(PostgresStore(ledger_url)) as store:
                assert store._connection.execute("SHOW synchronous_commit").fetchall() == [("on",)]
        finally:
            owner.execute("ALTER ROLE owner RESET synchronous_commit")


def _open_often(url: str) -> None:
    """Open and close: the server reads its settings anew in its own time."""
    for _ in range(50):
        PostgresStore(url).close()
