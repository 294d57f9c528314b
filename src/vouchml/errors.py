"""Every error that vouchml raises on purpose.

An error says what happened and where (`message`), what to do next (`remedy`), and carries a stable `code`.
The command line maps a kind to its `exit_status`, the service to its `http_status`.
Nothing that a caller of the service sent is ever part of a message; names of expected columns are.

```python
raise TableUnreadable("data/patients.csv does not exist.", remedy="Check [data] path in vouch.toml.")
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class VouchError(Exception):
    """The base of all vouchml errors; never raised itself."""

    code: ClassVar[str] = "vouch-error"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def diagnostics(self) -> str:
        """The text for a person: what happened, then what to do."""
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class SettingsInvalid(VouchError):
    """`vouch.toml` or a `VOUCH_*` variable is missing, unreadable or says something that is not a setting."""

    code, exit_status = "settings-invalid", 2


class ApiKeyInvalid(VouchError):
    """An API key cannot be made as asked: its name, a scope or its lifetime."""

    code, exit_status = "api-key-invalid", 2


class ApiKeyNotFound(VouchError):
    """There is no API key with that id."""

    code, exit_status = "api-key-not-found", 2


class TableUnreadable(VouchError):
    """The table does not exist, cannot be opened, or is not a table."""

    code, exit_status = "table-unreadable", 3


class TableInvalid(VouchError):
    """The table was read but cannot be trained on: a column or the target is not as it must be."""

    code, exit_status = "table-invalid", 3


class TableChanged(VouchError):
    """The table is not the one that the manifest of a run records."""

    code, exit_status = "table-changed", 3


class LeakageFound(VouchError):
    """A row stands in the training split and in the test split."""

    code, exit_status = "leakage-found", 3


@dataclass(frozen=True)
class InvalidFeature:
    """One feature of a request that breaks the contract, and how; never its value."""

    feature: str
    problem: str


class ContractBreach(VouchError):
    """The request does not fit the contract of the model that is serving."""

    code, exit_status, http_status = "contract-breach", 4, 422

    def __init__(
        self,
        message: str,
        *,
        missing: Sequence[str] = (),
        extra: Sequence[str] = (),
        invalid: Sequence[InvalidFeature] = (),
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.missing = tuple(missing)
        self.extra = tuple(extra)
        self.invalid = tuple(invalid)


class ExplanationUnavailable(VouchError):
    """The request asks for an explanation that this service cannot give of the model that is serving."""

    # Not 422, which says that a request does not fit the contract: this one does.
    code, exit_status, http_status = "explanation-unavailable", 4, 409


class BodyMalformed(VouchError):
    """The request body is not one JSON value, or names a key twice."""

    code, exit_status, http_status = "body-malformed", 4, 400


class BodyTooLarge(VouchError):
    """The request body is longer than `[serving] max_body_bytes`."""

    code, exit_status, http_status = "body-too-large", 4, 413


class BodyTooSlow(VouchError):
    """The request body did not arrive within `[serving] body_seconds`."""

    code, exit_status, http_status = "body-too-slow", 4, 408


class BodyTypeUnsupported(VouchError):
    """The request body is not declared as a type that the door reads."""

    code, exit_status, http_status = "body-type-unsupported", 4, 415


class AddressUnknown(VouchError):
    """The service has nothing at the address of the request."""

    code, exit_status, http_status = "not-found", 4, 404


class MethodUnknown(VouchError):
    """The address of the request does not take its method."""

    code, exit_status, http_status = "method-not-allowed", 4, 405


class CredentialsMissing(VouchError):
    """The request carries no API key, and the service has keys."""

    code, exit_status, http_status = "credentials-missing", 4, 401


class CredentialsInvalid(VouchError):
    """The API key of the request is unknown, revoked or expired."""

    code, exit_status, http_status = "credentials-invalid", 4, 401


class ScopeMissing(VouchError):
    """The caller may not do this: the API key of the request lacks the `scope`."""

    code, exit_status, http_status = "scope-missing", 4, 403

    def __init__(self, message: str, *, scope: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.scope = scope


class WebhookRefused(VouchError):
    """The webhook delivery is not signed with the secret that it shares with MLflow, not fresh, or a replay."""

    code, exit_status, http_status = "webhook-refused", 4, 401


class RegistryUnreachable(VouchError):
    """MLflow does not answer, or refuses the store that it was given."""

    code, exit_status, http_status = "registry-unreachable", 5, 503


class VersionNotFound(VouchError):
    """The registry has no such registered model, version, alias or stage."""

    code, exit_status, http_status = "version-not-found", 5, 404


class PromotionRefused(VouchError):
    """The registry change that was asked for cannot be made."""

    code, exit_status, http_status = "promotion-refused", 5, 409


class TrainingRefused(VouchError):
    """The estimator or its parameters cannot be used as asked."""

    code, exit_status = "training-refused", 6


class BundleInvalid(VouchError):
    """The files of a version cannot be loaded: one is missing, changed or not what the contract says."""

    code, exit_status, http_status = "bundle-invalid", 7, 503


class EvidenceMissing(VouchError):
    """What a version must be judged by is not there."""

    code, exit_status = "evidence-missing", 12


class EvidenceMismatch(VouchError):
    """What a version must be judged by is not about this version."""

    code, exit_status = "evidence-mismatch", 12


class ServiceFailed(VouchError):
    """The service failed where it should not have; its log says why."""

    code, exit_status = "internal-error", 7

    def __init__(self) -> None:
        super().__init__("The service failed; its log says why.")


class ServiceBusy(VouchError):
    """A worker has as many requests under way as `[serving] max_in_flight` allows."""

    code, exit_status, http_status = "service-busy", 7, 503


class ScoreUndefined(VouchError):
    """The model gives no probability for a row, as can be with numbers near the end of what a float holds."""

    code, exit_status, http_status = "score-undefined", 4, 422

    def __init__(self) -> None:
        super().__init__(
            "The model gives no probability for such a row.",
            remedy="Check the size of its numbers; /model-info and /docs say which ranges they had in training.",
        )


class NoModelLoaded(VouchError):
    """The service has no model to answer with."""

    code, exit_status, http_status = "no-model-loaded", 7, 503


class ServiceUnreachable(VouchError):
    """The vouchml service does not answer at its address, or answered something else."""

    code, exit_status = "service-unreachable", 7


class ServiceRefused(VouchError):
    """The vouchml service answered a request with an error."""

    code, exit_status = "service-refused", 4


class PortTaken(VouchError):
    """Another program listens on a port that vouchml needs."""

    code, exit_status = "port-taken", 8


class AnonymousRefused(VouchError):
    """The service would be open to whoever reaches its address: there is no API key, and nobody said so."""

    code, exit_status = "anonymous-refused", 8


class ApiKeysUnreadable(VouchError):
    """The file of the API keys cannot be read, so nothing says who may call."""

    code, exit_status, http_status = "api-keys-unreadable", 8, 503


class LedgerInvalid(VouchError):
    """The ledger is not one, is of another format, or contradicts itself."""

    code, exit_status, http_status = "ledger-invalid", 10, 503


class LedgerUnavailable(VouchError):
    """The ledger cannot be read or written now, so nothing can be answered with a trace."""

    code, exit_status, http_status = "ledger-unavailable", 10, 503


class SigningKeyInvalid(VouchError):
    """A signing key cannot be made as asked: its name, e-mail or role."""

    code, exit_status = "signing-key-invalid", 2


class SigningKeyNotFound(VouchError):
    """No signing key of that name, id or role is known, or its private half is not on this machine."""

    code, exit_status = "signing-key-not-found", 2


class SigningKeyUnreadable(VouchError):
    """The private half of a signing key cannot be read, or others than its owner can."""

    code, exit_status, http_status = "signing-key-unreadable", 8, 503


class TrustStoreInvalid(VouchError):
    """`trust.toml` cannot be read, or says something about a key that cannot be."""

    code, exit_status, http_status = "trust-store-invalid", 8, 503


class EvidenceRefused(VouchError):
    """What is signed does not count. Its children say why; it is never raised itself."""

    code, exit_status, http_status = "evidence-refused", 11, 503


class EvidenceUnreadable(EvidenceRefused):
    """The evidence about a version cannot be read."""

    code = "evidence-unreadable"


class EnvelopeInvalid(EvidenceRefused):
    """What should be a DSSE envelope or a Sigstore bundle is not one."""

    code = "envelope-invalid"


class StatementInvalid(EvidenceRefused):
    """What is signed is not an in-toto statement of the kind that is needed."""

    code = "statement-invalid"


class StatementMismatch(EvidenceRefused):
    """The statement is about another model digest, or says something of another kind."""

    code = "statement-mismatch"


class SignatureMissing(EvidenceRefused):
    """There are fewer signatures than are needed."""

    code = "signature-missing"


class SignatureInvalid(EvidenceRefused):
    """The signature is not one by this key over these bytes."""

    code = "signature-invalid"


class KeyUnknown(EvidenceRefused):
    """The key that signed is not in `trust.toml`."""

    code = "key-unknown"


class KeyRoleWrong(EvidenceRefused):
    """The key that signed has another role than this needs."""

    code = "key-role-wrong"


class KeyNotYetValid(EvidenceRefused):
    """The key that signed was not yet valid."""

    code = "key-not-yet-valid"


class KeyExpired(EvidenceRefused):
    """The key that signed was no longer valid."""

    code = "key-expired"


class KeyRevoked(EvidenceRefused):
    """The key that signed is revoked."""

    code = "key-revoked"


class SeparationBroken(EvidenceRefused):
    """Who signed is not far enough from whose work it is, as `[trust] separation` asks."""

    code = "separation-broken"


class ModelRevoked(EvidenceRefused):
    """The model digest is revoked in `trust.toml`."""

    code = "model-revoked"


class DecisionMissing(EvidenceRefused):
    """No decision of a gate supports the model, or the evidence that it rests on is gone."""

    code = "decision-missing"


class DecisionFailed(EvidenceRefused):
    """The gate's newest decision on the model is not PASS."""

    code = "decision-failed"


class DecisionExpired(EvidenceRefused):
    """The gate's decision is no longer, or not yet, valid."""

    code = "decision-expired"


class PolicyMismatch(EvidenceRefused):
    """The gate decided by a policy that this project does not accept."""

    code = "policy-mismatch"


class ContractMismatch(EvidenceRefused):
    """The model's contract is not the one that the gate decided on."""

    code = "contract-mismatch"


class ApprovalsMissing(EvidenceRefused):
    """Fewer people approved the model than the policy asks for, or somebody rejected it."""

    code = "approvals-missing"


class ApprovalForged(EvidenceRefused):
    """An approval is in another name than that of the key that signed it."""

    code = "approval-forged"


class BreakGlassInvalid(EvidenceRefused):
    """The emergency admission is not signed by two, has ended, or was given for too long."""

    code = "break-glass-invalid"


class FileNotPlain(EvidenceRefused):
    """The version holds a link, or something else that is not a plain file."""

    code = "file-not-plain"


class FileAdded(EvidenceRefused):
    """The version holds a file that is not signed."""

    code = "file-added"


class FileMissing(EvidenceRefused):
    """A signed file of the version is missing."""

    code = "file-missing"


class FileRenamed(EvidenceRefused):
    """A signed file of the version has another name."""

    code = "file-renamed"


class FileChanged(EvidenceRefused):
    """A signed file of the version has other bytes."""

    code = "file-changed"


class ProofInvalid(VouchError):
    """A proof about the ledger's tree does not show what it should."""

    code, exit_status = "proof-invalid", 10


class CheckpointInvalid(VouchError):
    """A checkpoint, or a key for checkpoints, is not one, or no known key signed it."""

    code, exit_status = "checkpoint-invalid", 10


class ReceiptInvalid(VouchError):
    """The text is not a receipt."""

    code, exit_status = "receipt-invalid", 10


class ReceiptUnavailable(VouchError):
    """There is no receipt for a record: there is no such record, or no checkpoint covers it yet."""

    code, exit_status, http_status = "receipt-unavailable", 10, 404


class RecordNotFound(VouchError):
    """The ledger has no record with this id."""

    code, exit_status, http_status = "record-not-found", 10, 404


class RecordAmbiguous(VouchError):
    """Several records have this id, and one is needed."""

    code, exit_status, http_status = "record-ambiguous", 10, 409


class CheckpointAwaited(VouchError):
    """No checkpoint covers the record yet, so nothing proves it; one does soon."""

    code, exit_status, http_status = "checkpoint-awaited", 10, 409


class PayloadHeld(VouchError):
    """A legal hold keeps the payload from being erased."""

    code, exit_status = "payload-held", 10


class RetentionRefused(VouchError):
    """Payloads cannot be pruned as asked: nothing says how long they are kept, or it is too early."""

    code, exit_status = "retention-refused", 10


class OutcomeRefused(VouchError):
    """What turned out to be true cannot be recorded: the model has no such label."""

    code, exit_status = "outcome-refused", 10


class ReplayIncomplete(VouchError):
    """A recorded version cannot be loaded here, so its predictions cannot be scored again."""

    code, exit_status = "replay-incomplete", 10


class FolderNotWritable(VouchError):
    """A folder or file that vouchml must write cannot be written."""

    code, exit_status, http_status = "folder-not-writable", 8, 503


class DependencyMissing(VouchError):
    """A package that this command needs is not installed."""

    code, exit_status, http_status = "dependency-missing", 8, 503


class ChildStopped(VouchError):
    """A program that `vouch up` started has stopped by itself or did not become ready."""

    code, exit_status = "child-stopped", 9
