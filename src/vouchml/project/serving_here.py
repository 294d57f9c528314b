"""`.vouch/serving/PORT.json`: which process serves this project at a port, so that a second start can name it.

The process holds a lock on its file for as long as it lives, so a file that a killed one left says nothing to anybody.

```python
with known_to_serve(settings, command="vouch serve"):
    ...
serving_here(settings)  # (ServingHere(command="vouch serve", process=4711, port=8000, …),)
```
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import gethostname
from typing import Final

from vouchml.settings import Settings

FOLDER: Final = "serving"
_LONGEST: Final = 4096


@dataclass(frozen=True)
class ServingHere:
    """A process that serves this project: the command that it is, its process id, its port, and where it answers.

    `machine` is the name of the one that it runs on: others may share the folder, and have ports of their own.
    `mlflow_port` is that of MLflow's pages, where it runs these too.
    """

    command: str
    machine: str
    process: int
    port: int
    url: str
    mlflow_port: int | None


@contextmanager
def known_to_serve(settings: Settings, *, command: str, url: str | None = None, mlflow: bool = False) -> Iterator[None]:
    """Let whoever asks `serving_here` know of this process while the block runs.

    Where the file cannot be written, or whoever started us is known for the port already, nobody is told: that is no
    reason not to serve.
    """
    serving = settings.serving
    pages = serving.mlflow_port if mlflow else None
    told = ServingHere(command, gethostname(), os.getpid(), serving.port, url or settings.api_url, pages)
    lock = _locked(settings.private_folder / FOLDER / f"{serving.port}.json")
    if lock is None:
        yield
        return
    try:
        with contextlib.suppress(OSError):
            os.truncate(lock, 0)
            os.write(lock, json.dumps(asdict(told)).encode())
        yield
    finally:
        os.close(lock)  # and with it the lock goes, however the program ends


def serving_here(settings: Settings) -> tuple[ServingHere, ...]:
    """The processes on this machine that serve this project now, by their ports."""
    found = (_told(path) for path in sorted((settings.private_folder / FOLDER).glob("*.json")))
    return tuple(told for told in found if told is not None and told.machine == gethostname())


def _locked(path: Path) -> int | None:
    """A descriptor of `path` that holds its lock; None where another process does, or nothing can be written."""
    try:
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _told(path: Path) -> ServingHere | None:
    """What the process that holds the lock of `path` says; None where none does."""
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return ServingHere(**json.loads(file.read(_LONGEST)))
    except (OSError, ValueError, TypeError):
        return None
    return None
