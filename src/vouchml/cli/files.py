"""Read and write the small files that a command is given by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vouchml.errors import FileUnusable


def read_text(file: Path) -> str:
    """The text of `file`.

    Raises:
        FileUnusable: it cannot be read, or is no text.
    """
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise unusable(file, "read", error) from error
    except UnicodeDecodeError as error:
        raise FileUnusable(f"{file} cannot be read: it is not text.", remedy="Check its name.") from error


def sha256_of(file: Path) -> str:
    """The SHA-256 of the bytes of `file`, as 64 hexadecimal digits.

    Raises:
        FileUnusable: it cannot be read.
    """
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise unusable(file, "read", error) from error


def write_text(file: Path, text: str, *, private: bool = False) -> None:
    """Write `text` to `file`; where it is `private`, nobody but its owner may read it.

    Raises:
        FileUnusable: it cannot be written.
    """
    try:
        if private:
            file.touch(mode=0o600)
            file.chmod(0o600)
        file.write_text(text, "utf-8")
    except OSError as error:
        raise unusable(file, "written", error) from error


def unusable(file: Path, how: str, error: OSError) -> FileUnusable:
    """The error that says that `file` cannot be read or written, and why."""
    return FileUnusable(
        f"{file} cannot be {how}: {error.strerror}.",
        remedy="Check its name, its permissions and the space on the disk.",
    )
