"""A way to a PostgreSQL server that breaks at a moment of the test's choice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Literal

SOCKET_NAME = ".s.PGSQL.5432"
Cut = Literal["before the server has it", "before its answer"]


class CutConnection:
    """Passes everything on, until a message to the server has `at` in it: then the connection is cut, once."""

    def __init__(self, server: Path, listening: Path) -> None:
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._path = listening / SOCKET_NAME
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._at: bytes | None = None
        self._cut: Cut = "before its answer"
        Thread(target=self._accept, daemon=True).start()

    def cut(self, when: Cut, *, at: bytes = b"COMMIT\0") -> None:
        """Cut the connection at the next message with `at`."""
        self._at, self._cut = at, when

    def refuse(self) -> None:
        """Let nobody in any more."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # which ends a wait for the next one
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        is_cut = Event()
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._server / SOCKET_NAME))
            answers = Thread(target=_pass_on, args=(server, client, is_cut), daemon=True)
            answers.start()
            with suppress(OSError):
                while data := client.recv(1 << 20):
                    if self._at is not None and self._at in data:
                        self._at = None
                        is_cut.set()
                        if self._cut == "before its answer":
                            server.sendall(data)
                        break
                    server.sendall(data)
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
                server.shutdown(socket.SHUT_WR)
            answers.join()


def _pass_on(server: socket.socket, client: socket.socket, is_cut: Event) -> None:
    with suppress(OSError):
        while data := server.recv(1 << 20):
            if not is_cut.is_set():
                client.sendall(data)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_connection(url: str, listening: Path) -> Iterator[tuple[CutConnection, str]]:
    """Such a way to the server of `url`, and the address that goes it."""
    address, _, server = url.partition("?host=")
    way = CutConnection(Path(server), listening)
    try:
        yield way, f"{address}?host={listening}"
    finally:
        way.refuse()
