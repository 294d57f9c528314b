"""A version with the manifest of its run, as files in a private folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vouchml.errors import EvidenceMissing
from vouchml.governance.judged_rows import Manifest, parse_manifest
from vouchml.model import Bundle, open_bundle
from vouchml.registry import ModelRegistry, Version

MANIFEST_FILE: Final = "run_manifest.json"


@dataclass(frozen=True)
class TrainedFiles:
    """A version, its files, and the manifest of the run that it came from."""

    version: Version
    bundle: Bundle
    manifest_path: Path

    @property
    def title(self) -> str:
        """What it is called in a message."""
        return f"version {self.version.number}"

    @property
    def manifest(self) -> Manifest:
        """What says which rows it may be judged on.

        Raises:
            EvidenceMismatch: the file is not a run manifest.
        """
        return parse_manifest(self.manifest_path.read_bytes(), of=self.title)


def fetch_trained(registry: ModelRegistry, version: Version, place: Path) -> TrainedFiles:
    """Copy what the registry has of `version` into the empty folder `place`.

    Raises:
        VersionNotFound, BundleInvalid: its files are gone, or are not those of a model.
        EvidenceMissing: its run has no manifest.
    """
    files, run = place / "files", place / "run"
    files.mkdir(parents=True)
    run.mkdir()
    registry.fetch(version, files)
    if MANIFEST_FILE not in registry.fetch_run_files(version, [MANIFEST_FILE], run):
        raise EvidenceMissing(
            f"The run of version {version.number} has no {MANIFEST_FILE}, so nothing says how it was trained.",
            remedy="Train it with `vouch train`; a model logged by other means has no manifest.",
        )
    return TrainedFiles(version, open_bundle(files), run / MANIFEST_FILE)
