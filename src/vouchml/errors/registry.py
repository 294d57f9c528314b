"""MLflow, the versions in it, and what belongs to a version."""

from __future__ import annotations

from vouchml.errors.base import VouchError


class RegistryUnreachable(VouchError):
    """MLflow does not answer, or refuses the store that it was given."""

    code, exit_status, http_status = "registry-unreachable", 5, 503


class VersionNotFound(VouchError):
    """The registry has no such registered model, version, alias or stage."""

    code, exit_status, http_status = "version-not-found", 5, 404


class PromotionRefused(VouchError):
    """The registry change that was asked for cannot be made."""

    code, exit_status, http_status = "promotion-refused", 5, 409


class BundleInvalid(VouchError):
    """The files of a version cannot be loaded: one is missing, changed or not what the contract says."""

    code, exit_status, http_status = "bundle-invalid", 7, 503


class LoadTooSlow(BundleInvalid):
    """The files of a version could not be loaded within `[serving] load_seconds`."""

    code = "load-too-slow"


class EvidenceMissing(VouchError):
    """What a version must be judged by is not there."""

    code, exit_status = "evidence-missing", 12


class EvidenceMismatch(VouchError):
    """What a version must be judged by is not about this version."""

    code, exit_status = "evidence-mismatch", 12
