"""Checks of trust: the keys that sign, and whether the version in the stage may serve by what is signed about it."""

from __future__ import annotations

from datetime import UTC, datetime

from vouchml.errors import VersionNotFound, VouchError
from vouchml.project.doctor.finding import Finding, ok, problem, warning
from vouchml.settings import Settings, sqlite_file
from vouchml.trust.trust_store import ROLES
from vouchml.trust.trust_store_file import read_trust_store


def signing_keys(settings: Settings) -> Finding:
    """Whether each role has a key whose signatures count, and whether they are more than development keys."""
    check = "Signing keys"
    try:
        store = read_trust_store(settings.trust_store_path)
    except VouchError as error:
        return problem(check, error.message, error.remedy)
    now = datetime.now(UTC)
    missing = [role for role in ROLES if not store.signers(role, at=now)]
    if missing:
        fix = "vouch keys add NAME --role ROLE --email EMAIL; for development: vouch keys init"
        return warning(check, f"no valid key for: {', '.join(missing)}", fix)
    active = [key for key in store.key if key.state(now) == "active"]
    if development := [key for key in active if key.development]:
        return warning(
            check,
            f"{len(development)} of {len(active)} are development keys, which one person holds",
            "vouch keys add NAME --role ROLE --email EMAIL; vouch keys revoke NAME --reason REASON",
        )
    return ok(check, f"{len(active)} that count, one or more for each role")


def staged_evidence(settings: Settings) -> Finding:
    """Whether the version in the stage may serve."""
    check = f"Evidence in {settings.project.stage}"
    mode = settings.trust.admission
    if mode == "off":
        return warning(check, 'not looked at: [trust] admission is "off"', 'Set [trust] admission = "enforce".')
    try:
        return _judged(settings, check)
    except VersionNotFound:
        return warning(check, "no version yet", "vouch up")
    except VouchError as error:
        found = f"the version may not serve: {error.message}"
        fix = error.remedy or "Promote another version: vouch promote VERSION --why TEXT"
        return problem(check, found, fix) if mode == "enforce" else warning(check, found, fix)
    except ModuleNotFoundError as error:
        return problem(check, f"not known: {error.name} is not installed", "pip install 'vouchml[serve]'")


def _judged(settings: Settings, check: str) -> Finding:
    from vouchml.project.admissibility import admission_of
    from vouchml.project.private_copy import private_copy
    from vouchml.registry import ModelRegistry
    from vouchml.registry.sqlite_database import is_new

    if (path := sqlite_file(settings.tracking_uri)) is not None and is_new(path):
        return warning(check, "no version yet", "vouch up")
    registry, name = ModelRegistry.connect(settings.tracking_uri), settings.project.registered_model
    number = registry.pointer(name, settings.project.stage).version
    if number is None:
        return warning(check, "no version yet", "vouch promote VERSION --why TEXT")
    with private_copy(registry, registry.version(name, str(number))) as copy:
        admission = admission_of(settings, copy)
    until = f"{admission.valid_until:%Y-%m-%d %H:%M} UTC"
    if admission.decision is None:
        told = f"version {number} serves without a gate until {until}"
        return warning(check, told, f"vouch promote {number} --why TEXT")
    return ok(check, f"version {number}: {admission.decision.verdict}, valid until {until}")
