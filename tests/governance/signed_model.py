"""A small model folder with everything that admission asks for, made with real keys, to take things away from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from vouchml.governance.admission import Admission, AdmissionRules, admit
from vouchml.governance.approvals import Meaning, sign_approval
from vouchml.governance.break_glass import sign_break_glass
from vouchml.governance.decision import sign_decision
from vouchml.governance.signed_evidence import APPROVAL, BREAK_GLASS, DECISION, dated_name, moment_text
from vouchml.model.contract import CONTRACT_FILE
from vouchml.model.digest import model_digest
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.model_signature import SIGNATURE_FILE, sign_model
from vouchml.trust.separation import Separation

NAME = "breast_cancer_classifier"
POLICY = "a" * 64


@dataclass
class SignedModel:
    """`files` is the evidence; `at` the moment at which it is judged."""

    root: Path
    files: dict[str, bytes] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2))

    @property
    def folder(self) -> Path:
        return self.root / "model"

    @property
    def keys(self) -> KeyRing:
        return KeyRing(self.root / "keys", self.root / "trust.toml")

    @property
    def digest(self) -> str:
        return model_digest(self.folder)

    @property
    def contract(self) -> str:
        return sha256((self.folder / CONTRACT_FILE).read_bytes()).hexdigest()

    def sign(self, key: str | None = None, *, model: str = NAME) -> None:
        self.files[SIGNATURE_FILE] = sign_model(self.folder, self.keys.signer("trainer", key)[0], name=model)

    def decide(self, outcome: str = "PASS", *, days: float = 90, before: float = 0, **changes: Any) -> str:
        """Sign a decision, made `before` seconds earlier; `changes` replace arguments of `sign_decision`."""
        key, _ = self.keys.signer("gate", changes.pop("gate", None))
        at = self.at - timedelta(seconds=before)
        rules = {
            "outcome": outcome,
            "at": moment_text(at),
            "valid_until": moment_text(at + timedelta(days=days)),
            "policy_digest": changes.pop("policy", POLICY),
        }
        inputs = {name: self.files[name] for name in (SIGNATURE_FILE,) if name in self.files}
        said: dict[str, Any] = {"model": NAME, "digest": self.digest, "contract": self.contract, "inputs": inputs}
        envelope = sign_decision(rules, key=key, **{**said, **changes})
        name = dated_name(DECISION, at, key.public.key_id)
        self.files[name] = envelope.to_bytes()
        return name

    def approve(self, person: str, meaning: Meaning = "approved", *, before: float = 0, model: str = NAME) -> str:
        key, trusted = self.keys.signer("approver", person)
        at = self.at - timedelta(seconds=before)
        envelope = sign_approval(
            model, self.digest, meaning, "looks right", key=key, trusted=trusted, seen=self.files, at=at
        )
        name = dated_name(APPROVAL, at, key.public.key_id)
        self.files[name] = envelope.to_bytes()
        return name

    def break_glass(self, one: str, other: str, *, hours: float = 4, before: float = 0, model: str = NAME) -> str:
        keys = (self.keys.signer("approver", one)[0], self.keys.signer("approver", other)[0])
        at = self.at - timedelta(seconds=before)
        envelope = sign_break_glass(
            model, self.digest, "the pager", keys=keys, at=at, until=at + timedelta(hours=hours)
        )
        name = dated_name(BREAK_GLASS, at, keys[0].public.key_id)
        self.files[name] = envelope.to_bytes()
        return name

    def admit(
        self,
        *,
        digest: str | None = None,
        approvals: Mapping[str, int] | None = None,
        separation: Separation = "roles",
        later: float = 0,
    ) -> Admission:
        return admit(
            self.folder,
            digest or self.digest,
            self.files,
            trust=self.keys.store(),
            rules=AdmissionRules(frozenset({POLICY}), approvals or {}, separation, NAME),
            at=self.at + timedelta(seconds=later),
        )


def make_signed_model(root: Path) -> SignedModel:
    """A model with a signature and a PASS; keys for each role, and two approvers more, ada and bob."""
    model = SignedModel(root)
    model.folder.mkdir(parents=True)
    (model.folder / CONTRACT_FILE).write_text('{"format": "vouchml-contract-v1"}')
    (model.folder / "MLmodel").write_text("flavors: {}\n")
    (model.folder / "onnx").mkdir()
    (model.folder / "onnx" / "model.onnx").write_bytes(b"weights")
    model.keys.add_development_keys()
    for person in ("ada", "bob"):
        model.keys.add(person, email=f"{person}@example.org", role="approver")
    model.sign()
    model.decide()
    return model
