"""A project whose versions are signed, gated and promoted in tests, without a process for each command."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from vouchml.governance.approvals import Meaning
from vouchml.ledger.open import open_ledger
from vouchml.project import approving
from vouchml.project.deciding import Decided, decide
from vouchml.project.moves import promote
from vouchml.project.private_copy import private_copy
from vouchml.project.saying import Statement
from vouchml.project.signing import Signing, sign_version
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.evidence_files import EVIDENCE_FOLDER, fetch_evidence, put_evidence
from vouchml.settings import PolicySettings, Settings, TrustSettings
from vouchml.trust.key_ring import KeyRing


@dataclass
class JudgedProject:
    """The settings may be changed between steps, as somebody edits `vouch.toml`; `told` is what a person was told."""

    settings: Settings
    told: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.settings.project.registered_model

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry.connect(self.settings.tracking_uri)

    @property
    def ring(self) -> KeyRing:
        return KeyRing(self.settings.signing_keys_folder, self.settings.trust_store_path)

    @property
    def pointed(self) -> int | None:
        return self.registry.pointer(self.name, "Staging").version

    def ask(self, **policy: Any) -> None:
        """Change `[policy]`."""
        asked = PolicySettings(**(self.settings.policy.model_dump() | policy))
        self.settings = self.settings.model_copy(update={"policy": asked})

    def trust(self, **trust: Any) -> None:
        """Change `[trust]`."""
        self.settings = self.settings.model_copy(update={"trust": TrustSettings(**trust)})

    def version(self, number: int) -> Version:
        return self.registry.version(self.name, str(number))

    def sign(self, number: int, *, again: bool = False) -> Signing:
        return sign_version(self.settings, self.version(number), again=again)

    def decide(self, number: int, **options: Any) -> Decided:
        return decide(self.settings, str(number), **options)

    def approve(self, number: int, name: str, meaning: Meaning = "approved") -> Statement:
        registry = self.registry
        with private_copy(registry, self.version(number)) as copy:
            return approving.approve(self.settings, registry, copy, name=name, meaning=meaning, reason="looked at it")

    def break_glass(self, number: int, first: str, second: str, *, hours: float = 1.0) -> Statement:
        registry = self.registry
        with private_copy(registry, self.version(number)) as copy:
            statement, _ = approving.break_glass(
                self.settings, registry, copy, names=(first, second), reason="the other one is wrong", hours=hours
            )
            return statement

    def promote(self, number: int) -> None:
        promote(self.settings, str(number), who="a test", why="to be served", say=self.told.append)

    def evidence(self, number: int) -> dict[str, bytes]:
        return fetch_evidence(self.registry, self.version(number), lambda _: True)

    def put(self, number: int, name: str, content: bytes) -> None:
        """Write a file of evidence, as anybody can who may write to MLflow."""
        put_evidence(self.registry, self.version(number), name, content)

    def take_away(self, number: int, name: str) -> None:
        (self._artifacts(number) / EVIDENCE_FOLDER / name).unlink()

    def fetch(self, number: int, folder: Path) -> Path:
        folder.mkdir()
        self.registry.fetch(self.version(number), folder)
        return folder

    def change_a_file(self, number: int, name: str = "affine.json") -> None:
        """Add a space to a file of the version, in MLflow's artifact store."""
        place = self.registry.client.get_model_version_download_uri(self.name, str(number))
        path = _path(place) / name
        path.write_bytes(path.read_bytes() + b" ")

    def run_file(self, number: int, name: str) -> Path:
        """A file among the artifacts of the version's run."""
        return self._artifacts(number) / name

    def copy_evidence(self, source: int, target: int) -> None:
        shutil.copytree(
            self._artifacts(source) / EVIDENCE_FOLDER, self._artifacts(target) / EVIDENCE_FOLDER, dirs_exist_ok=True
        )

    def events(self) -> list[dict[str, Any]]:
        """The leaves of the ledger, oldest first."""
        store = open_ledger(self.settings)
        try:
            return [json.loads(entry.leaf) for entry in store.entries(0, store.head().size)]
        finally:
            store.close()

    def _artifacts(self, number: int) -> Path:
        return _path(self.registry.client.get_run(self.version(number).run_id).info.artifact_uri)


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))
