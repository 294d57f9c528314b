"""The file of one worker: a header of fixed size, then one float64 a slot, shared with whoever maps it.

```
0    magic "vouchmet", format version, number of slots, layout digest   (written once, before the file has its name)
48   length and CRC-32 of the note                                      (replaced by `write_note`)
56   the note: JSON about the worker
4096 the slots
```

Everything is in the byte order of this machine. A slot lies at a multiple of 8 bytes, so that it is read and written
whole. The lock tells the living from the dead: the kernel takes it away with the process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import secrets
import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vouchml.serving.metrics.layout import Layout

HEADER_SIZE: Final = 4096
FILE_MODE: Final = 0o600
UNFINISHED: Final = ".unfinished-"
_MAGIC: Final = b"vouchmet"
_FORMAT: Final = 1
_FIXED: Final = struct.Struct("=8sII32s")
_NOTE: Final = struct.Struct("=II")
_NOTE_AT: Final = _FIXED.size
_TEXT_AT: Final = _NOTE_AT + _NOTE.size
_LONGEST_NOTE: Final = HEADER_SIZE - _TEXT_AT
_LOOKS_AT_A_NOTE: Final = 8
# Not there, a link, a socket: whatever has the name of one of our files without being one.
_NO_SUCH_FILE: Final = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO})

Note = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Counters:
    """What a counter file held at one moment, and whether the worker that it belongs to was alive."""

    values: list[float]
    note: Note
    alive: bool


class CounterFile:
    """A worker's own file, mapped and locked until `close` or the end of the process.

    `slots` is to be written to directly.
    """

    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped
        self._all = memoryview(mapped)
        self.slots = self._all[HEADER_SIZE:].cast("d")

    @classmethod
    def create(cls, path: Path, layout: Layout, *, values: Sequence[float], note: Note) -> CounterFile:
        """Make the file, complete and locked before it has its name.

        Raises:
            OSError: the folder cannot be written, the disk is full, or the file system has no locks.
        """
        temporary = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Written, not left sparse: a page that finds no room later would end the process with SIGBUS.
            _write_all(descriptor, encode_file(layout, values, note))
            mapped = mmap.mmap(descriptor, 0)
            temporary.rename(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)  # the mapping has a duplicate, which keeps the lock
        return cls(mapped)

    def write_note(self, note: Note) -> None:
        """Replace what the header says about the worker."""
        content = _encode_note(note)
        self._all[_NOTE_AT : _NOTE_AT + len(content)] = content

    def close(self) -> None:
        """Let go of memory and lock. What was counted stays in the file.

        In a forked child this leaves the parent's lock alone, which is gone only when both have closed.
        """
        self.slots.release()
        self._all.release()
        self._mapped.close()


def write_file(path: Path, layout: Layout, *, values: Sequence[float], note: Note) -> None:
    """Replace the file that belongs to no worker, whole or not at all.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    temporary = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        _write_all(descriptor, encode_file(layout, values, note))
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def read_file(path: Path, layout: Layout) -> Counters | None:
    """What the file holds now; None if it is gone, torn, of another layout, or no counter file at all.

    Raises:
        OSError: that cannot be told, for example since this process has too many files open.
    """
    size = HEADER_SIZE + 8 * layout.slots
    descriptor = _open_to_read(path)
    if descriptor is None:
        return None
    try:
        if os.fstat(descriptor).st_size != size:
            return None
        alive = _is_locked(descriptor)  # asked first: what is read of the dead is then final
        # Mapped, not read: a copy by the kernel could catch a slot between two halves.
        with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as content:
            if _FIXED.unpack_from(content) != (_MAGIC, _FORMAT, layout.slots, layout.digest):
                return None
            with content[HEADER_SIZE:] as slots, slots.cast("d") as numbers:
                return Counters(values=list(numbers), note=_read_note(content), alive=alive)
    finally:
        os.close(descriptor)


def is_alive(path: Path) -> bool:
    """Whether a process holds the lock of the file, whatever its layout.

    Raises:
        OSError: that cannot be told.
    """
    descriptor = _open_to_read(path)
    if descriptor is None:
        return False
    try:
        return _is_locked(descriptor)
    finally:
        os.close(descriptor)


def encode_file(layout: Layout, values: Sequence[float], note: Note) -> bytes:
    """The whole content of a counter file."""
    header = _FIXED.pack(_MAGIC, _FORMAT, layout.slots, layout.digest) + _encode_note(note)
    return header.ljust(HEADER_SIZE, b"\0") + struct.pack(f"={layout.slots}d", *values)


def _open_to_read(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _NO_SUCH_FILE:
            return None
        raise


def _encode_note(note: Note) -> bytes:
    text = json.dumps(note, separators=(",", ":")).encode()
    if len(text) > _LONGEST_NOTE:
        raise ValueError(f"a note of {len(text)} bytes does not fit the header of a counter file")
    return _NOTE.pack(len(text), zlib.crc32(text)) + text


def _read_note(content: memoryview) -> Note:
    # A note that is being replaced just now does not fit its checksum; a microsecond later it does.
    for _ in range(_LOOKS_AT_A_NOTE):
        length, checksum = _NOTE.unpack_from(content, _NOTE_AT)
        text = bytes(content[_TEXT_AT : _TEXT_AT + min(length, _LONGEST_NOTE)])
        if zlib.crc32(text) == checksum:
            with suppress(ValueError):
                note = json.loads(text)
                return note if isinstance(note, dict) else {}
    return {}


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
