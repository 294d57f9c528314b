"""`.vouch/keys/<name>.pem`: the private half of a signing key, mode 0600 in a folder of mode 0700."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from vouchml.errors import SigningKeyInvalid, SigningKeyNotFound, SigningKeyUnreadable
from vouchml.trust.private_file import write_private
from vouchml.trust.signing_key import SigningKey, signing_key_from_pem

# A name is a part of a path and of a command. It begins with a letter or digit, so it is neither hidden nor an option.
KEY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LONGEST_PEM: Final = 64 * 1024
_FOR_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP


def signing_key_path(folder: Path, name: str) -> Path:
    """Where the private half of the key `name` is.

    Raises:
        SigningKeyInvalid: no key can have that name.
    """
    if not KEY_NAME.fullmatch(name):
        raise SigningKeyInvalid(
            "The name of a key is 1 to 64 letters, digits, dots, dashes, underlines and at signs, "
            "the first a letter or digit.",
            remedy="Name the person or program that signs, such as ada or nightly-build.",
        )
    return folder / f"{name}.pem"


def save_signing_key(path: Path, key: SigningKey) -> None:
    """Write `key` to `path`, whose folder is there and private.

    Raises:
        FolderNotWritable: the folder cannot be written, or the disk is full.
    """
    write_private(path, key.to_pem())


def load_signing_key(path: Path) -> SigningKey:
    """The key in `path`. A link is followed, as secrets are mounted in clusters.

    Raises:
        SigningKeyNotFound: there is no such file.
        SigningKeyUnreadable: it cannot be read, is open to other users, or holds no key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read(_LONGEST_PEM)
    except FileNotFoundError:
        raise SigningKeyNotFound(
            f"The private half of the key '{path.stem}' is not on this machine.",
            remedy="Sign where it is, or make a new one: vouch keys rotate NAME",
        ) from None
    except OSError as error:
        raise SigningKeyUnreadable(
            f"The key {path.name} cannot be read: {error.strerror or 'the system refuses'}.",
            remedy="Let this user, and no other, read it.",
        ) from error
    if mode & _FOR_OTHERS:
        raise SigningKeyUnreadable(
            f"The key {path.name} is open to other users of this machine (mode {stat.S_IMODE(mode):04o}).",
            remedy=f"If nobody has taken it: chmod 600 {path.name}. If you cannot know: vouch keys rotate {path.stem}",
        )
    try:
        return signing_key_from_pem(pem)
    except ValueError as problem:
        raise SigningKeyUnreadable(
            f"The key {path.name} {problem}.", remedy="Restore the file, or make a new key: vouch keys rotate NAME"
        ) from None
