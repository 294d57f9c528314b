"""The bundle: the files of one version in a private, read-only folder, ready to load."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from vouchml.model.contract import Contract, read_contract
from vouchml.model.digest import model_digest


@dataclass(frozen=True)
class Bundle:
    """The files of one version, their digest and their contract."""

    folder: Path
    digest: str
    contract: Contract


def open_bundle(folder: Path) -> Bundle:
    """Take stock of the files in `folder`.

    Raises:
        BundleInvalid: the contract is missing or broken, or the folder holds a link.
    """
    return Bundle(folder=folder, digest=model_digest(folder), contract=read_contract(folder))


def make_read_only(folder: Path) -> None:
    """Take write permission from `folder` and everything in it, and all permissions from group and others."""
    for path in (folder, *folder.rglob("*")):
        os.chmod(path, stat.S_IRUSR | stat.S_IXUSR if path.is_dir() else stat.S_IRUSR)  # noqa: PTH101 - links are excluded by model_digest


def make_writable(folder: Path) -> None:
    """Give the owner write permission again, so that `folder` can be removed. Links are left as they are."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(stat.S_IRWXU if path.is_dir() else stat.S_IRUSR | stat.S_IWUSR)
