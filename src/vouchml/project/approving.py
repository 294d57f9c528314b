"""Have a person say something about a version: authored, reviewed, approved, rejected, inconclusive accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from vouchml.errors import DecisionFailed, EvidenceRefused, SettingsInvalid
from vouchml.governance.admission import require_signed
from vouchml.governance.approvals import MEANINGS, Meaning, SignedApproval, authors_of, read_approvals, sign_approval
from vouchml.governance.break_glass import LONGEST, Emergency, emergencies, require_within_limit, sign_break_glass
from vouchml.governance.decision import Decision, newest_decision
from vouchml.governance.signed_evidence import APPROVAL, BREAK_GLASS, dated_name, moment_text
from vouchml.project.private_copy import PrivateCopy
from vouchml.project.recorded_emergencies import recorded_emergencies
from vouchml.project.saying import Statement, keep_statement
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.separation import require_apart
from vouchml.trust.trust_store import TrustedKey

_SHORTEST: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Shown:
    """What a person sees before they sign: whose model it is, the gate's word on it, and what others said.

    `trainer` and `decision` are None where there is none that counts; `problems` says why.
    """

    trainer: TrustedKey | None
    decision: Decision | None
    approvals: tuple[SignedApproval, ...]
    problems: tuple[str, ...]


def a_meaning(text: str) -> Meaning:
    """The meaning that `text` names.

    Raises:
        SettingsInvalid: there is no such meaning.
    """
    found = next((meaning for meaning in MEANINGS if meaning == text.strip().lower()), None)
    if found is None:
        raise SettingsInvalid("An approval cannot mean that.", remedy=f"It can mean: {', '.join(MEANINGS)}.")
    return found


def require_reason(reason: str) -> None:
    """Check that a reason says something, in one line.

    Raises:
        SettingsInvalid: it does not.
    """
    if not reason.strip() or not reason.isprintable() or len(reason) > 2000:
        raise SettingsInvalid(
            "A reason is one line of 1 to 2000 printable characters.", remedy='Say why: --reason "looked at the slices"'
        )


def require_signers(settings: Settings, *names: str) -> None:
    """Check before the work that a key of each of the `names` may sign as an approver here and now.

    Raises:
        SigningKeyNotFound, SigningKeyUnreadable: a key is not on this machine.
        EvidenceRefused: a key does not count as that of an approver now.
    """
    for name in names:
        _ring(settings).signer("approver", name)


def what_is_there(settings: Settings, copy: PrivateCopy) -> Shown:
    """What is verified about a version, for the eyes of whoever is to approve it."""
    now, model = datetime.now(UTC), copy.version.name
    trust = _ring(settings).store()
    trainer, decision, problems = None, None, []
    try:
        trainer = require_signed(copy.folder, copy.digest, copy.evidence, trust, model=model, at=now)
    except EvidenceRefused as error:
        problems.append(error.message)
    try:
        decision = newest_decision(copy.evidence, copy.digest, trust, model=model, at=now)
    except EvidenceRefused as error:
        problems.append(error.message)
    approvals, refused = read_approvals(copy.evidence, copy.digest, trust, model=model, at=now)
    return Shown(trainer, decision, approvals, (*problems, *(error.message for error in refused)))


def approve(
    settings: Settings, registry: ModelRegistry, copy: PrivateCopy, *, name: str, meaning: Meaning, reason: str
) -> Statement:
    """Sign with the key of `name` what it says about the version in `copy`, having seen all evidence there.

    Raises:
        SettingsInvalid: the reason is not one line.
        SigningKeyNotFound, SigningKeyUnreadable: the key of `name` is not on this machine.
        EvidenceRefused: the key does not count as that of an approver, or is an author's own; or the newest decision,
            which an acceptance names by its SHA-256, is not inconclusive.
        LedgerInvalid, LedgerUnavailable: it cannot be recorded, so it is not stored.
    """
    require_reason(reason)
    ring, now, model = _ring(settings), datetime.now(UTC), copy.version.name
    key, trusted = ring.signer("approver", name)
    if meaning in ("approved", "inconclusive accepted"):
        # Not to be refused only when somebody wants to promote.
        trust = ring.store()
        trainer = require_signed(copy.folder, copy.digest, copy.evidence, trust, model=model, at=now)
        said, _ = read_approvals(copy.evidence, copy.digest, trust, model=model, at=now)
        require_apart(settings.trust.separation, trusted, authors_of(trainer, said))
        if meaning == "inconclusive accepted":
            _require_inconclusive(newest_decision(copy.evidence, copy.digest, trust, model=model, at=now))
    envelope = sign_approval(
        model,
        copy.digest,
        meaning,
        reason,
        key=key,
        trusted=trusted,
        seen=copy.evidence,
        at=now,
    )
    return keep_statement(
        settings,
        registry,
        copy,
        kind="approval",
        file=dated_name(APPROVAL, now, trusted.key_id),
        envelope=envelope,
        signers=(trusted,),
        details={"meaning": meaning, "reason": reason},
        at=now,
    )


def break_glass(
    settings: Settings,
    registry: ModelRegistry,
    copy: PrivateCopy,
    *,
    names: tuple[str, str],
    reason: str,
    hours: float,
) -> tuple[Statement, datetime]:
    """Let the version in `copy` serve without a decision for some hours, signed by the keys of two; until when.

    Raises:
        SettingsInvalid: the reason is not one line, or it would be for too long.
        SigningKeyNotFound, SigningKeyUnreadable: a key is not on this machine.
        EvidenceRefused: a key does not count as that of an approver, the two are not apart, the model is not signed, or
            its emergency admissions would last too long altogether.
        LedgerInvalid, LedgerUnavailable: it cannot be recorded, so it is not stored.
    """
    require_reason(reason)
    lasting = timedelta(hours=hours)
    if not _SHORTEST <= lasting <= LONGEST:
        raise SettingsInvalid(
            f"An emergency admission lasts {LONGEST.seconds // 3600} hours at most.", remedy="Say how long: --hours 2"
        )
    ring, now = _ring(settings), datetime.now(UTC).replace(microsecond=0)
    (first, one), (second, other) = (ring.signer("approver", name) for name in names)
    require_apart("roles" if settings.trust.separation == "none" else settings.trust.separation, one, [other])
    trust = ring.store()
    trust.require_not_revoked(copy.digest)
    require_signed(copy.folder, copy.digest, copy.evidence, trust, model=copy.version.name, at=now)
    until = now + lasting
    signed = emergencies(
        copy.evidence,
        copy.digest,
        trust,
        model=copy.version.name,
        at=now,
        separation=settings.trust.separation,
    )
    require_within_limit(Emergency(now, until), (*signed, *recorded_emergencies(settings, copy.digest)))
    envelope = sign_break_glass(copy.version.name, copy.digest, reason, keys=(first, second), at=now, until=until)
    statement = keep_statement(
        settings,
        registry,
        copy,
        kind="break_glass",
        file=dated_name(BREAK_GLASS, now, one.key_id),
        envelope=envelope,
        signers=(one, other),
        details={"reason": reason, "until": moment_text(until)},
        at=now,
    )
    return statement, until


def seen_by(copy: PrivateCopy) -> Mapping[str, str]:
    """The evidence that an approval will name, each file with its SHA-256."""
    from hashlib import sha256

    return {name: sha256(content).hexdigest() for name, content in sorted(copy.evidence.items())}


def _require_inconclusive(decision: Decision) -> None:
    if decision.verdict != "INCONCLUSIVE":
        raise DecisionFailed(
            f"The gate's newest decision is {decision.verdict}: there is nothing inconclusive to accept.",
            remedy="See it: vouch gate VERSION --explain",
        )


def _ring(settings: Settings) -> KeyRing:
    return KeyRing(settings.signing_keys_folder, settings.trust_store_path)
