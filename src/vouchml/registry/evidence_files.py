"""The folder `evidence` among the artifacts of a version's run: what was signed about the version.

MLflow keeps it and lets anybody change it. So nothing here is believed; whoever reads it verifies it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from vouchml.errors import BundleInvalid, EvidenceUnreadable, VersionNotFound
from vouchml.registry.bounded_download import ListedFile, download
from vouchml.registry.failures import mlflow_errors
from vouchml.registry.model_registry import ModelRegistry
from vouchml.registry.version import Version

EVIDENCE_FOLDER: Final = "evidence"
LONGEST_FILE: Final = 1024 * 1024
MOST_BYTES: Final = 64 * LONGEST_FILE
MOST_FILES: Final = 200


class EvidenceEntry(NamedTuple):
    """A file of evidence as MLflow lists it; its size is in bytes."""

    name: str
    size: int


def put_evidence(registry: ModelRegistry, version: Version, name: str, content: bytes) -> None:
    """Add a file to the evidence about `version`; one of that name is replaced.

    Raises:
        VersionNotFound: the version has no run to keep it with.
        RegistryUnreachable: MLflow refuses it.
    """
    run_id = _run_of(version)
    with _errors(version), TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        registry.client.log_artifact(run_id, str(path), artifact_path=EVIDENCE_FOLDER)


def list_evidence(
    registry: ModelRegistry, version: Version, is_wanted: Callable[[str], bool]
) -> frozenset[EvidenceEntry]:
    """What evidence there is about `version`, by name and size, without fetching any of it.

    Raises:
        RegistryUnreachable: MLflow does not say.
    """
    if version.run_id is None:
        return frozenset()
    with _errors(version):
        listed = registry.client.list_artifacts(version.run_id, EVIDENCE_FOLDER)
    entries = (EvidenceEntry(Path(entry.path).name, entry.file_size or 0) for entry in listed if not entry.is_dir)
    return frozenset(entry for entry in entries if is_wanted(entry.name))


def fetch_evidence(registry: ModelRegistry, version: Version, is_wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The files of evidence about `version` whose names are wanted, by name. None where nothing was signed.

    Raises:
        EvidenceUnreadable: there are more files, or longer ones, than evidence has.
        RegistryUnreachable: MLflow does not give them.
    """
    if version.run_id is None:
        return {}
    with _errors(version), TemporaryDirectory() as folder:
        listed = registry.client.list_artifacts(version.run_id, EVIDENCE_FOLDER)
        wanted = tuple(
            ListedFile(entry.path, entry.file_size or 0)
            for entry in listed
            if not entry.is_dir and is_wanted(Path(entry.path).name)
        )
        if len(wanted) > MOST_FILES or any(file.size > LONGEST_FILE for file in wanted):
            raise _too_much(version)
        try:
            download(registry.artifacts(f"runs:/{version.run_id}"), wanted, Path(folder), most=MOST_BYTES)
        except BundleInvalid:
            raise _too_much(version) from None
        files = {Path(file.path).name: Path(folder, file.path) for file in wanted}
        if any(path.stat().st_size > LONGEST_FILE for path in files.values()):
            raise _too_much(version)
        return {name: path.read_bytes() for name, path in files.items()}


def _too_much(version: Version) -> EvidenceUnreadable:
    return EvidenceUnreadable(
        f"There is more evidence about version {version.number} of {version.name} than can be.",
        remedy=f"Look at the folder {EVIDENCE_FOLDER} of its run in MLflow: somebody else writes there.",
    )


def _run_of(version: Version) -> str:
    if version.run_id is None:
        raise VersionNotFound(
            f"Version {version.number} of {version.name} has no run, so there is no place for evidence.",
            remedy="Register a version from a run: vouch train",
        )
    return version.run_id


def _errors(version: Version) -> AbstractContextManager[None]:
    return mlflow_errors(f"the evidence about version {version.number} of {version.name}")
