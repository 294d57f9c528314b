"""The uvicorn server that runs this app, found without its help: an ASGI app is not told who runs it."""

from __future__ import annotations

import signal
import threading
from typing import Any

import uvicorn


def host_server() -> uvicorn.Server | None:
    """The server whose main thread this is; None under another server, or in a thread.

    uvicorn handles SIGTERM with a method of its server, from before the app starts until it has stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return server if isinstance(server, uvicorn.Server) else None


def listening_descriptors(server: uvicorn.Server) -> list[int]:
    """The sockets that `server` listens on; none before it has started."""
    return [listener.fileno() for one in getattr(server, "servers", ()) for listener in one.sockets]


def connections(server: uvicorn.Server) -> list[Any]:
    """The connections of `server`, as uvicorn's protocol objects."""
    return list(server.server_state.connections)
