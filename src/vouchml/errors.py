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


class HeadersTooLarge(VouchError):
    """The request line and the headers of a request are longer than the service takes."""

    code, exit_status, http_status = "headers-too-large", 4, 431


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


class LoadTooSlow(BundleInvalid):
    """The files of a version could not be loaded within `[serving] load_seconds`."""

    code = "load-too-slow"


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


class FolderNotWritable(VouchError):
    """A folder or file that vouchml must write cannot be written."""

    code, exit_status, http_status = "folder-not-writable", 8, 503


class DependencyMissing(VouchError):
    """A package that this command needs is not installed."""

    code, exit_status, http_status = "dependency-missing", 8, 503


class ChildStopped(VouchError):
    """A program that `vouch up` started has stopped by itself or did not become ready."""

    code, exit_status = "child-stopped", 9
