"""Check a pack, link by link: with our own code what `tools/verify_pack.py` checks without it.

Keys must be valid at the time that the pack was made, and never revoked. docs/evidence_pack.md has each link.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, Final, TypedDict, cast

from vouchml.errors import (
    ApprovalsMissing,
    ContractMismatch,
    DecisionFailed,
    DecisionMissing,
    FileAdded,
    FileChanged,
    LedgerInvalid,
    PackInvalid,
    StatementInvalid,
    StatementMismatch,
)
from vouchml.governance.approvals import SignedApproval, accepting, authors_of, read_approval, require_approvals
from vouchml.governance.break_glass import read_break_glass
from vouchml.governance.decision import Decision, newest_of, read_decision, require_valid
from vouchml.governance.document_statements import ReadDocument, read_bom, read_model_card
from vouchml.governance.evaluation_statement import read_evaluation
from vouchml.governance.pack.index import INDEX_FILE, PACK_TYPE, SIGNED_INDEX_FILE, read_index
from vouchml.governance.pack.link import CheckedPack, NotThere, PackLink, link, signed_by
from vouchml.governance.provenance import read_provenance
from vouchml.governance.signed_evidence import (
    APPROVAL,
    BREAK_GLASS,
    DECISION,
    EVALUATION_FILE,
    ML_BOM_FILE,
    MODEL_CARD_FILE,
    PROVENANCE_FILE,
    dated_files,
    moment_text,
    require_about,
    require_model,
)
from vouchml.ledger.checkpoint import Checkpoint, read_note
from vouchml.ledger.link import LinkStatus
from vouchml.ledger.receipt import Receipt
from vouchml.ledger.receipt_check import verify_receipt
from vouchml.ledger.record import RecordType
from vouchml.ledger.trusted_keys import verifiers
from vouchml.trust.dsse import Envelope, read_envelope
from vouchml.trust.model_signature import SIGNATURE_FILE, read_model_signature, read_signed_model, verify_signer
from vouchml.trust.separation import Separation
from vouchml.trust.signed_json import read_object
from vouchml.trust.statement import verify_statement
from vouchml.trust.trust_store import TrustedKey, TrustStore
from vouchml.trust.trust_store_file import parse_trust_store

# Names of the format of a pack; whoever checks one need not be able to load a model.
_MANIFEST: Final = "run_manifest.json"
_CONTRACT: Final = "contract.json"
#: What is signed only where the policy asks for it.
_DOCUMENTS: Final[Mapping[str, tuple[str, ReadDocument]]] = {
    "ml_bom": (ML_BOM_FILE, read_bom),
    "model_card": (MODEL_CARD_FILE, read_model_card),
}


def check_pack(
    files: Mapping[str, bytes],
    trust: TrustStore | None,
    *,
    table_sha256: str | None = None,
    receipt: Receipt | None = None,
) -> CheckedPack:
    """Check every link of the pack with these files. Without `trust` its own trust store is used, which says so.

    `table_sha256` is held against the data of the pack, and the prediction of `receipt` is followed through it.

    Raises:
        PackInvalid: there is no index, or it cannot be read.
        TrustStoreInvalid: the trust store of the pack is needed and cannot be read.
    """
    if INDEX_FILE not in files:
        raise PackInvalid("The pack has no index.", remedy="It was not made by vouch pack.")
    own = trust if trust is not None else parse_trust_store(files.get("trust.toml", b"").decode("utf-8", "replace"))
    check = _Check(files, own)
    links = [*check.links(trust_is_given=trust is not None), link("data", lambda: check.data(table_sha256))]
    if receipt is not None:
        links.append(link("prediction", lambda: check.prediction(receipt)))
    return CheckedPack(tuple(links))


class _Of(TypedDict):
    """What each dated statement is read with."""

    model: str
    at: datetime


class _Check:
    """A pack under check: its files, and what was verified so far."""

    def __init__(self, files: Mapping[str, bytes], trust: TrustStore) -> None:
        self._files = files
        self._trust = trust
        self._index = read_index(files[INDEX_FILE])
        self._evidence = {
            name.removeprefix("evidence/"): content for name, content in files.items() if name.startswith("evidence/")
        }
        self._trainer: TrustedKey | None = None
        self._approvals: list[SignedApproval] = []
        self._decisions: list[Decision] = []

    def links(self, *, trust_is_given: bool) -> Iterator[PackLink]:
        yield link("trust", lambda: self._trusted(trust_is_given))
        yield link("files", self._listed)
        yield link("index", self._signed_index)
        yield link("model", self._model)
        yield link("provenance", self._provenance)
        yield link("evaluation", self._evaluation)
        for name, (file, read) in _DOCUMENTS.items():
            if file in self._evidence:
                yield link(name, partial(self._document, file, read))
        for kind, check in ((APPROVAL, self._approval), (BREAK_GLASS, self._break_glass), (DECISION, self._decision)):
            for name, content in dated_files(self._evidence, kind):
                yield link(name, partial(check, name, content), may_be_others=True)
        yield link("grounds", self._grounds)
        yield link("approvals", self._enough_approvals)
        yield link("ledger", self._events)

    def _trusted(self, given: bool) -> str:
        if not given:
            raise NotThere("The keys are from the pack itself, which vouches for itself. Give your own: --trust FILE")
        return f"{len(self._trust.key)} keys of your own copy."

    def _listed(self) -> str:
        there = self._files.keys() - {INDEX_FILE, SIGNED_INDEX_FILE}
        if odd := sorted(there ^ self._index.files.keys()):
            raise FileAdded(f"The pack has other files than its index lists: {', '.join(odd[:3])}.")
        for name, (digest, size) in self._index.files.items():
            if (self._sha256(name), len(self._files[name])) != (digest, size):
                raise FileChanged(f"{name} has other bytes than the index says.")
        return f"All {len(self._index.files)} have the SHA-256 that {INDEX_FILE} lists."

    def _signed_index(self) -> str:
        verified = verify_statement(
            _canonical(self._file(SIGNED_INDEX_FILE)),
            self._trust,
            role="evaluator",
            at=self._index.created,
            digest=self._index.digest,
            predicate_type=PACK_TYPE,
        )
        require_about(verified.statement, self._index.name)
        if verified.statement.predicate != {"index": {"sha256": self._sha256(INDEX_FILE)}}:
            raise FileChanged(f"{INDEX_FILE} is another one than was signed.")
        return f"{signed_by([key.name for key in verified.signers])}, made {moment_text(self._index.created)}."

    def _model(self) -> str:
        signature = read_model_signature(self._file(f"evidence/{SIGNATURE_FILE}"))
        self._trainer = verify_signer(signature, self._trust, at=self._index.created)
        signed = read_signed_model(signature)
        if signed.digest != self._index.digest:
            raise StatementMismatch("Another model was signed than the pack is about.")
        require_model(self._index.name, signed.name)
        wanted = {file.path: file.sha256 for file in signed.files}
        inside = {name.removeprefix("model/"): self._sha256(name) for name in self._files if name.startswith("model/")}
        listed = {each["path"]: each["sha256"] for each in json.loads(self._file("model_files.json"))}
        if listed != wanted or inside not in ({}, wanted):
            raise FileChanged("The model's files are not those that were signed.")
        if wanted.get(_CONTRACT) != self._sha256(_CONTRACT):
            raise ContractMismatch(f"{_CONTRACT} is not the one that was signed.")
        self._trust.require_not_revoked(signed.digest)
        return f"{signed_by([self._trainer.name])}: {len(wanted)} files, model digest {signed.digest}."

    def _provenance(self) -> str:
        content = self._file(f"evidence/{PROVENANCE_FILE}")
        verified = read_provenance(content, self._index.digest, self._trust, at=self._index.created)
        require_about(verified.statement, self._index.name)
        predicate = verified.statement.predicate
        made = _by_name(predicate["runDetails"]["byproducts"])
        used = _by_name(predicate["buildDefinition"]["resolvedDependencies"])
        if made[_MANIFEST] != self._sha256(_MANIFEST) or used["data"] != self._index.data:
            raise StatementMismatch("The provenance is that of another manifest or other data.")
        return f"{signed_by([key.name for key in verified.signers])}: {_MANIFEST} and the data that it came from."

    def _evaluation(self) -> str:
        content = self._file(f"evidence/{EVALUATION_FILE}")
        verified = read_evaluation(content, self._index.digest, self._trust, at=self._index.created)
        require_about(verified.statement, self._index.name)
        seen = _by_name(verified.statement.predicate["configuration"])
        if seen != {_MANIFEST: self._sha256(_MANIFEST), "data": self._index.data}:
            raise StatementMismatch("The evaluation is that of another manifest or other data.")
        result = verified.statement.predicate["result"]
        return f"{signed_by([key.name for key in verified.signers])}: {result}."

    def _document(self, file: str, read: ReadDocument) -> str:
        verified = read(self._evidence[file], self._index.digest, self._trust, at=self._index.created)
        require_about(verified.statement, self._index.name)
        return f"{signed_by([key.name for key in verified.signers])}, about this model."

    def _approval(self, name: str, content: bytes) -> str:
        approval = read_approval(name, content, self._index.digest, self._trust, **self._of)
        self._approvals.append(approval)
        return f"{signed_by([approval.signer.name])}, {approval.meaning}: {approval.reason}"

    def _break_glass(self, name: str, content: bytes) -> str:
        until = read_break_glass(
            name, content, self._index.digest, self._trust, separation=self._separation, **self._of
        )
        return f"Signed by two, until {moment_text(until)}."

    def _decision(self, name: str, content: bytes) -> str:
        decision = read_decision(name, content, self._index.digest, self._trust, **self._of)
        self._decisions.append(decision)
        until = moment_text(decision.valid_until)
        return f"{signed_by([decision.signer.name])}: {decision.verdict}, valid until {until}."

    def _grounds(self) -> str:
        if not self._decisions:
            raise NotThere("No decision of the gate counts.")
        newest = newest_of(self._decisions)
        self._file("policy.json")
        require_valid(newest, self._evidence, frozenset({self._sha256("policy.json")}), at=self._index.created)
        self._require_served(newest)
        if newest.contract != self._sha256(_CONTRACT):
            raise ContractMismatch("The newest decision is about another contract.")
        return f"{newest.file} names the contract, the policy and {len(newest.inputs)} files of evidence."

    def _enough_approvals(self) -> str:
        asked = read_object(self._file("policy.json"))["approvals"]
        require_approvals(asked, self._approvals, (), self._authors, separation=self._separation)
        wanted = ", ".join(f"{least} by the role {role}" for role, least in sorted(asked.items())) or "none"
        return f"The policy asks for {wanted}; {len(self._approvals)} statements of people count."

    def _events(self) -> str:
        names = sorted(name for name in self._files if name.startswith("ledger/"))
        if not names:
            raise NotThere("The pack has no events of the ledger.")
        checkpoints, kinds = set(), Counter[str]()
        for name in names:
            receipt = Receipt.parse(self._files[name].decode("utf-8"))
            checkpoints.add(receipt.checkpoint)
            kinds[self._event(name, receipt)] += 1
        if len(checkpoints) != 1:
            raise LedgerInvalid("The events are under several checkpoints.")
        return f"Under one checkpoint: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}."

    def _event(self, name: str, receipt: Receipt) -> str:
        fields = self._proved(receipt)
        served = fields.get("served")
        about = fields.get("model") or (served.get("model") if isinstance(served, dict) else None)
        if about != self._index.digest:
            raise LedgerInvalid(f"{name} is about another model.")
        return str(fields["type"])

    def _proved(self, receipt: Receipt) -> Mapping[str, Any]:
        """The fields of a leaf that is in a ledger by a checkpoint which a key of the trust store signed."""
        origin = Checkpoint.parse(read_note(receipt.checkpoint).text).origin
        known = verifiers(self._trust, origin)
        checked = verify_receipt(receipt, *known)
        if checked.outcome == "failed" or not known or checked.fields is None:
            failed = [each.reason for each in checked.links if each.status is LinkStatus.FAILED]
            raise LedgerInvalid(next(iter(failed), "The trust store has no key of a ledger."))
        return checked.fields

    def prediction(self, receipt: Receipt) -> str:
        """Follow a prediction to the model, the contract, the data and the decision of the pack.

        Raises:
            VouchError: it does not lead there.
        """
        fields = self._proved(receipt)
        if fields["type"] != RecordType.PREDICTION.value:
            raise LedgerInvalid("The receipt is not of a prediction.")
        served, answered = fields["served"], datetime.fromisoformat(fields["time"])
        ours = (self._index.digest, self._sha256(_CONTRACT), self._index.data)
        if (served["model"], served["contract"], served["data"]) != ours:
            raise StatementMismatch("Another model answered, or one with another contract or other data.")
        valid = [each for each in self._decisions if each.decided_at <= answered < each.valid_until]
        named = next((each for each in valid if each.sha256 == served["decision"]), None)
        if named is None:
            raise DecisionMissing("Its decision is not in the pack, does not count, or was not valid then.")
        self._require_served(named)
        return f"{fields['prediction_id']} was answered by this model, contract and data, on {named.file}."

    def data(self, table_sha256: str | None) -> str:
        """Hold what names the data, and the table if its SHA-256 is given, against each other.

        Raises:
            StatementMismatch: they are not one.
        """
        parts = [part for part in self._json("bom.cdx.json")["components"] if part["type"] == "data"]
        named = {
            _MANIFEST: self._json(_MANIFEST)["data"]["bytes_sha256"],
            _CONTRACT: self._json(_CONTRACT)["data_sha256"],
            "croissant.json": self._json("croissant.json")["distribution"][0]["sha256"],
            "bom.cdx.json": parts[0]["hashes"][0]["content"],
        }
        if table_sha256 is not None:
            named["the table that was given"] = table_sha256
        for name, digest in named.items():
            if digest != self._index.data:
                raise StatementMismatch(f"The data of the pack is not that of {name}.")
        return f"{', '.join(named)} agree on the SHA-256 {self._index.data}."

    def _require_served(self, decision: Decision) -> None:
        """Check that a decision lets a model serve: it is PASS, or somebody accepted that it is not."""
        if decision.verdict == "FAIL":
            raise DecisionFailed(f"{decision.file} says FAIL.")
        if decision.verdict == "INCONCLUSIVE" and not accepting(
            self._approvals, decision.sha256, self._authors, separation=self._separation
        ):
            raise DecisionFailed(f"{decision.file} says INCONCLUSIVE, and nobody has accepted that who may.")

    @property
    def _authors(self) -> tuple[TrustedKey, ...]:
        if self._trainer is None:
            raise ApprovalsMissing("Whose work was approved is not known: the model's signature does not count.")
        return authors_of(self._trainer, self._approvals)

    @property
    def _of(self) -> _Of:
        return {"model": self._index.name, "at": self._index.created}

    @property
    def _separation(self) -> Separation:
        if self._index.separation not in ("none", "roles", "people"):
            raise StatementInvalid("The index does not say how far those who sign must be apart.")
        return cast("Separation", self._index.separation)

    def _file(self, name: str) -> bytes:
        if name not in self._files:
            raise NotThere(f"{name} is not in the pack.")
        return self._files[name]

    def _json(self, name: str) -> dict[str, Any]:
        return read_object(self._file(name))

    def _sha256(self, name: str) -> str:
        return sha256(self._file(name)).hexdigest()


def _canonical(content: bytes) -> Envelope:
    """An envelope that nothing lists: so that no byte of it can change, it must be as we write it."""
    envelope = read_envelope(content)
    if envelope.to_bytes() != content:
        raise StatementInvalid("The envelope is not in its canonical form.")
    return envelope


def _by_name(resources: list[dict[str, Any]]) -> dict[str, str]:
    return {each["name"]: each["digest"]["sha256"] for each in resources if "sha256" in each["digest"]}
