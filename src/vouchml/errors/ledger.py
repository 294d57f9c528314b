"""The ledger: its records, its tree, its receipts."""

from __future__ import annotations

from vouchml.errors.base import VouchError


class LedgerInvalid(VouchError):
    """The ledger is not one, is of another format, or contradicts itself."""

    code, exit_status, http_status = "ledger-invalid", 10, 503


class LedgerUnavailable(VouchError):
    """The ledger cannot be read or written now, so nothing can be answered with a trace."""

    code, exit_status, http_status = "ledger-unavailable", 10, 503


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


class AnchorFailed(VouchError):
    """A place outside did not take a checkpoint of the ledger."""

    code, exit_status = "anchor-failed", 10


class PayloadHeld(VouchError):
    """A legal hold keeps the payload from being erased."""

    code, exit_status = "payload-held", 10


class RetentionRefused(VouchError):
    """Payloads cannot be pruned as asked: nothing says how long they are kept, or it is too early."""

    code, exit_status = "retention-refused", 10


class OutcomeRefused(VouchError):
    """What turned out to be true cannot be recorded: the model has no such label."""

    code, exit_status = "outcome-refused", 10
