"""The service, seen from inside and from its callers."""

from __future__ import annotations

from vouchml.errors.base import VouchError


class ServiceFailed(VouchError):
    """The service failed where it should not have; its log says why."""

    code, exit_status = "internal-error", 7

    def __init__(self) -> None:
        super().__init__("The service failed; its log says why.")


class ServiceBusy(VouchError):
    """A worker has as many requests, or rows, under way as `[serving] max_in_flight` or `max_rows_in_flight` allows."""

    code, exit_status, http_status = "service-busy", 7, 503


class BodiesHeld(ServiceBusy):
    """A worker holds as many bytes of long bodies as `[serving] max_bytes_in_flight` allows, and this one is more."""

    code = "bodies-held"


class NoModelLoaded(VouchError):
    """The service has no model to answer with."""

    code, exit_status, http_status = "no-model-loaded", 7, 503


class ServiceUnreachable(VouchError):
    """The vouchml service does not answer at its address, or answered something else."""

    code, exit_status = "service-unreachable", 7


class AnotherModelServed(VouchError):
    """The vouchml service at the address serves another registered model than the project's; it was sent nothing."""

    code, exit_status = "another-model-served", 7


class ServiceRefused(VouchError):
    """The vouchml service answered a request with an error."""

    code, exit_status = "service-refused", 4
