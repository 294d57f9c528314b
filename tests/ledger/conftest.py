"""A PostgreSQL server of the tests' own, once a session, and an empty database in it for each test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Final

import psycopg
import pytest
from benchmarks.postgres_server import running_postgres
from psycopg import sql

_NUMBERS: Final = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of the server's first database, for its superuser. It listens on a socket in a folder of its own."""
    began = time.perf_counter()
    with running_postgres() as address:
        print(f"started PostgreSQL in {time.perf_counter() - began:.1f} s")
        yield address


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of an empty database of the test's own, for its owner."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
