"""Take no new connection although the address is still listened on, so that it can be closed with nobody waiting at it.

A connection is made by the kernel before the server accepts it. Whoever is connected but not accepted when the address
is closed is reset, with the request that was sent already. So the kernel is told first to drop new ones (SYN segments)
by a filter on the socket: callers try again a second later and find the address closed, or somebody else behind it.
Linux has such filters, and no privilege is needed; elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

# socket(7), <linux/filter.h>
_SO_ATTACH_FILTER: Final = 26
_SO_DETACH_FILTER: Final = 27
_FLAGS_OF_TCP: Final = 13
_SYN: Final = 0x02
# Load the byte with the flags; if SYN is set let nothing of the segment pass, else all.
_DROP_SYN: Final = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in ((0x30, 0, 0, _FLAGS_OF_TCP), (0x45, 0, 1, _SYN), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
)


def turn_away(descriptors: Iterable[int]) -> None:
    """Let no new connection reach these listening sockets; those that were made are still to be accepted."""
    program = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
    filtering = struct.pack("@HP", len(_DROP_SYN) // 8, ctypes.addressof(program))
    for listener in _tcp_sockets(descriptors):
        with suppress(OSError):  # a sandbox without filters: a caller who comes too late is reset there
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)


def welcome(descriptors: Iterable[int]) -> None:
    """Let new connections reach these listening sockets again, whoever has turned them away."""
    for listener in _tcp_sockets(descriptors):
        with suppress(OSError):  # there is no filter, as nearly always
            listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def _tcp_sockets(descriptors: Iterable[int]) -> Iterator[socket.socket]:
    if sys.platform != "linux":
        return
    for descriptor in descriptors:
        with _borrowed(descriptor) as listener:
            if listener.family in (socket.AF_INET, socket.AF_INET6):
                yield listener


@contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    """The socket behind a descriptor that stays somebody else's."""
    listener = socket.socket(fileno=descriptor)
    try:
        yield listener
    finally:
        listener.detach()
