"""`.vouch/evidence/<model digest>.json`: the evidence that a version was let in with, for starts without the registry.

It is verified again whenever a model is loaded, so nothing here is believed.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Final

from vouchml.canonical_json import canonical_json
from vouchml.governance.signed_evidence import EvidenceFiles
from vouchml.serving.following.moment import Moment, moment_of_file
from vouchml.trust.private_file import changing, write_private

_FORMAT: Final = "vouchml-evidence-cache-v1"


class EvidenceCache:
    """Evidence under `folder`, one file a model digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, digest: str, files: EvidenceFiles) -> None:
        """Keep `files` for the model; what was kept for it before is replaced.

        Raises:
            FolderNotWritable: the folder cannot be written, or the disk is full.
        """
        document = {
            "format": _FORMAT,
            "files": {name: base64.b64encode(content).decode() for name, content in files.items()},
        }
        path = self._path(digest)
        content = canonical_json(document)
        if not path.exists() or path.read_bytes() != content:
            with changing(path):
                write_private(path, content)

    def read(self, digest: str) -> dict[str, bytes]:
        """What is kept for the model; nothing when there is none, or it is broken: that denies."""
        try:
            document = json.loads(self._path(digest).read_bytes())
            return {name: base64.b64decode(text, validate=True) for name, text in document["files"].items()}
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError, binascii.Error):
            return {}

    def moment(self, digest: str) -> Moment:
        """Something that is another when what is kept for the model was replaced; it costs microseconds."""
        return moment_of_file(self._path(digest))

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"
