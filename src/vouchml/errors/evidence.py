"""What is signed does not count, and why; `EvidenceRefused` is the base of them all."""

from __future__ import annotations

from vouchml.errors.base import VouchError


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


class GroundsRefused(EvidenceRefused):
    """A statement that the gate decided on does not count any more: its key was revoked, or taken out of trust."""

    code = "grounds-refused"


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


class PackInvalid(EvidenceRefused):
    """The file is no evidence pack, or is broken."""

    code = "pack-invalid"
