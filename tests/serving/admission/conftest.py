"""A project whose versions are vouched for: keys of each role, and a signature and a decision for each version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from vouchml.governance.break_glass import sign_break_glass
from vouchml.governance.decision import sign_decision
from vouchml.governance.policy import policy_digest
from vouchml.governance.signed_evidence import (
    BREAK_GLASS,
    DECISION,
    dated_name,
    moment_text,
)
from vouchml.model.contract import CONTRACT_FILE
from vouchml.model.digest import model_digest
from vouchml.registry.evidence_files import EVIDENCE_FOLDER
from vouchml.settings import Settings, TrustSettings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.model_signature import SIGNATURE_FILE, sign_model

if TYPE_CHECKING:
    from tests.serving.conftest import Project


@dataclass(frozen=True)
class Vouched:
    """A project, and what its people sign."""

    project: Project

    @property
    def settings(self) -> Settings:
        return self.project.settings

    @property
    def keys(self) -> KeyRing:
        return KeyRing(self.settings.signing_keys_folder, self.settings.trust_store_path)

    def files(self, number: int) -> Path:
        """Where MLflow keeps the files of a version; whoever reaches the disk can write there."""
        version = self.project.registry.version(self.project.name, str(number))
        return Path(unquote(urlsplit(version.source).path))

    def evidence_folder(self, number: int) -> Path:
        registry = self.project.registry
        run_id = registry.version(self.project.name, str(number)).run_id
        assert run_id is not None
        return Path(unquote(urlsplit(registry.client.get_run(run_id).info.artifact_uri).path)) / EVIDENCE_FOLDER

    def digest(self, number: int) -> str:
        return model_digest(self.files(number))

    def put(self, number: int, name: str, content: bytes) -> None:
        folder = self.evidence_folder(number)
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    def evidence(self, number: int) -> Mapping[str, bytes]:
        return {path.name: path.read_bytes() for path in self.evidence_folder(number).iterdir()}

    def sign(self, number: int) -> None:
        key, _ = self.keys.signer("trainer")
        self.put(number, SIGNATURE_FILE, sign_model(self.files(number), key, name=self.project.name))

    def decide(self, number: int, outcome: str = "PASS", *, at: datetime | None = None, **changes: Any) -> str:
        key, _ = self.keys.signer("gate")
        at = at or datetime.now(UTC)
        said = {
            "model": self.project.name,
            "digest": self.digest(number),
            "contract": sha256((self.files(number) / CONTRACT_FILE).read_bytes()).hexdigest(),
            "inputs": {SIGNATURE_FILE: self.evidence(number)[SIGNATURE_FILE]},
        }
        rules = {
            "outcome": outcome,
            "at": moment_text(at),
            "valid_until": moment_text(at + timedelta(days=90)),
            "policy_digest": policy_digest(self.settings.policy),
        }
        name = dated_name(DECISION, at, key.public.key_id)
        self.put(number, name, sign_decision(rules, key=key, **{**said, **changes}).to_bytes())
        return name

    def break_glass(self, number: int, seconds: float) -> None:
        keys = (self.keys.signer("approver", "ada")[0], self.keys.signer("approver", "bob")[0])
        at = datetime.now(UTC)
        until = at + timedelta(seconds=seconds)
        envelope = sign_break_glass(self.project.name, self.digest(number), "the pager", keys=keys, at=at, until=until)
        self.put(number, dated_name(BREAK_GLASS, at, keys[0].public.key_id), envelope.to_bytes())


@pytest.fixture
def vouched(served_project: Project) -> Vouched:
    """Version 1 signed and decided on; version 2 neither; ada and bob may approve. Admission is enforced."""
    settings = served_project.settings.model_copy(update={"trust": TrustSettings()})
    vouched = Vouched(type(served_project)(settings))
    vouched.keys.add_development_keys()
    for person in ("ada", "bob"):
        vouched.keys.add(person, email=f"{person}@example.org", role="approver")
    vouched.sign(1)
    vouched.decide(1)
    return vouched
