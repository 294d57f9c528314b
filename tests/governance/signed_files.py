"""Sign the files of a version as its trainer, so that the gate compares with it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from vouchml.registry import ModelRegistry
from vouchml.registry.evidence_files import put_evidence
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.model_signature import SIGNATURE_FILE, sign_model


def sign_files(settings: Settings, number: str) -> None:
    """Make development keys where there are none, and keep `model.sig` beside the run of the version."""
    ring = KeyRing(settings.signing_keys_folder, settings.trust_store_path)
    ring.add_development_keys()
    key, _ = ring.signer("trainer")
    registry, name = ModelRegistry.connect(settings.tracking_uri), settings.project.registered_model
    version = registry.version(name, number)
    with TemporaryDirectory() as temporary:
        files = Path(temporary, "files")
        files.mkdir()
        registry.fetch(version, files)
        put_evidence(registry, version, SIGNATURE_FILE, sign_model(files, key, name=name))
