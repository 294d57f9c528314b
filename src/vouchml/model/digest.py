"""The model digest: one SHA-256 over all files of a version.

It is the root of an OpenSSF Model Signing v1.0 manifest: the SHA-256 of the files' own SHA-256 digests (raw bytes),
concatenated in the order of their paths, which compare part by part as in `pathlib.PurePosixPath`. So the specification
has it: a path counts by its place in that order only, and a file renamed within it leaves the root as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vouchml.errors import BundleInvalid


def model_digest(folder: Path) -> str:
    """The model digest of `folder`, as 64 hexadecimal characters.

    Raises:
        BundleInvalid: the folder holds nothing, a link, or something else that is not a plain file.
    """
    files = sorted(_files(folder), key=lambda path: PurePosixPath(path.relative_to(folder).as_posix()))
    if not files:
        raise BundleInvalid("The version holds no files.", remedy="Train it again, or mend the artifact store.")
    root = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            root.update(hashlib.file_digest(file, "sha256").digest())
    return root.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BundleInvalid(
                f"The version holds {path.relative_to(folder)}, which is not a plain file.",
                remedy="Links are not followed. Log the model again without them.",
            )
        if path.is_file():
            yield path
