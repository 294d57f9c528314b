"""A request that the service does not answer as asked. Nothing that its sender sent is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vouchml.errors.base import VouchError


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


class QueryInvalid(VouchError):
    """A parameter in the address of a request is not one of the values that it takes."""

    code, exit_status, http_status = "query-invalid", 4, 400


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


class ScoreUndefined(VouchError):
    """The model gives no probability for a row, as can be with numbers near the end of what a float holds."""

    code, exit_status, http_status = "score-undefined", 4, 422

    def __init__(self) -> None:
        super().__init__(
            "The model gives no probability for such a row.",
            remedy="Check the size of its numbers; /model-info and /docs say which ranges they had in training.",
        )
