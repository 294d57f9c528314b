"""Checks of trust: the keys that sign, and whether the version in the stage may serve by what is signed about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vouchml.errors import (
    BundleInvalid,
    EvidenceRefused,
    LedgerInvalid,
    LedgerUnavailable,
    VersionNotFound,
    VouchError,
)
from vouchml.project.doctor.finding import Finding, Outcome, ok, problem, warning
from vouchml.settings import Settings, sqlite_file
from vouchml.trust.trust_store import ROLES
from vouchml.trust.trust_store_file import read_trust_store

if TYPE_CHECKING:
    from vouchml.project.pointer_moves import Stray
    from vouchml.registry import Version


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
    """Whether the version in the stage may serve, and whether vouch moved the pointer to it."""
    check = f"Evidence in {settings.project.stage}"
    mode = settings.trust.admission
    if mode == "off":
        return warning(check, 'not looked at: [trust] admission is "off"', 'Set [trust] admission = "enforce".')
    try:
        staged = _staged(settings)
        found = warning(check, "no version yet", "vouch up") if staged is None else _found(settings, check, staged)
    except VersionNotFound:
        return warning(check, "no version yet", "vouch up")
    except ModuleNotFoundError as error:
        return problem(check, f"not known: {error.name} is not installed", "pip install 'vouchml[serve]'")
    except VouchError as error:
        found = problem(check, f"not known: {error.message}", error.remedy)
    return replace(found, outcome=Outcome.WARNING) if mode == "warn" and found.outcome is Outcome.PROBLEM else found


def _found(settings: Settings, check: str, staged: Version) -> Finding:
    judged, stray = _judged(settings, check, staged), _stray(settings, staged)
    if stray is None:
        return judged
    # Who moved the pointer comes before making what it names fit to serve.
    outcome = Outcome.WARNING if judged.outcome is Outcome.OK else judged.outcome
    return Finding(check, outcome, f"{judged.found}. {stray.told}", stray.remedy)


def _staged(settings: Settings) -> Version | None:
    from vouchml.registry import ModelRegistry
    from vouchml.registry.sqlite_database import is_new

    if (path := sqlite_file(settings.tracking_uri)) is not None and is_new(path):
        return None
    registry, name = ModelRegistry.connect(settings.tracking_uri), settings.project.registered_model
    number = registry.pointer(name, settings.project.stage).version
    return None if number is None else registry.version(name, str(number))


def _stray(settings: Settings, staged: Version) -> Stray | None:
    """How the pointer came elsewhere than the ledger says; a ledger that cannot be read is told by its own check."""
    from vouchml.project.pointer_moves import ledger_moves
    from vouchml.registry import ModelRegistry

    try:
        moves = ledger_moves(settings, ModelRegistry.connect(settings.tracking_uri))
    except (LedgerInvalid, LedgerUnavailable):
        return None
    return None if moves is None else moves.stray(settings.project.stage, staged.number)


def _judged(settings: Settings, check: str, staged: Version) -> Finding:
    from vouchml.project.admissibility import admission_of
    from vouchml.project.private_copy import private_copy
    from vouchml.registry import ModelRegistry

    number = staged.number
    try:
        with private_copy(ModelRegistry.connect(settings.tracking_uri), staged) as copy:
            admission = admission_of(settings, copy)
    except (EvidenceRefused, BundleInvalid) as error:
        fix = error.remedy or "Promote another version: vouch promote VERSION --why TEXT"
        return problem(check, f"version {number} may not serve: {error.message}", fix)
    until = f"{admission.valid_until:%Y-%m-%d %H:%M} UTC"
    if admission.decision is None:
        told = f"version {number} serves without a gate until {until}"
        return warning(check, told, f"vouch promote {number} --why TEXT")
    return ok(check, f"version {number}: {admission.decision.verdict}, valid until {until}")
