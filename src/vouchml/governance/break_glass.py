"""Break-glass: two people let one model digest serve for a few hours without a decision of the gate.

It stands in for the decision alone. Signature, contract, golden rows and ledger are asked for as ever. One after the
other they last only so long, as far as the evidence shows: what was taken away from MLflow is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Final, NamedTuple

from vouchml.errors import BreakGlassInvalid, EvidenceRefused, SeparationBroken
from vouchml.governance.signed_evidence import (
    BREAK_GLASS,
    EvidenceFiles,
    dated_files,
    moment_text,
    read_moment,
    read_text,
    require_about,
    require_own_name,
)
from vouchml.trust.dsse import Envelope, read_envelope
from vouchml.trust.separation import Separation, require_apart
from vouchml.trust.signing_key import SigningKey
from vouchml.trust.statement import sign_statement, statement_about, verify_statement
from vouchml.trust.trust_store import TrustedKey, TrustStore

BREAK_GLASS_TYPE: Final = "https://vouchml.dev/break-glass/v1"
LONGEST: Final = timedelta(hours=4)
#: All of one digest together, whoever signs them: by then the gate must have decided, or another version serve.
LONGEST_IN_ALL: Final = timedelta(hours=12)
SIGNERS: Final = 2


class Emergency(NamedTuple):
    """When a digest may serve by an emergency admission."""

    begins: datetime
    until: datetime


def sign_break_glass(
    model: str, digest: str, reason: str, *, keys: tuple[SigningKey, SigningKey], at: datetime, until: datetime
) -> Envelope:
    """The emergency admission of a digest from `at` to `until`."""
    predicate = {"reason": reason, "time": moment_text(at), "validUntil": moment_text(until)}
    return sign_statement(statement_about(digest, model, BREAK_GLASS_TYPE, predicate), list(keys))


def break_glass_until(
    files: EvidenceFiles, digest: str, trust: TrustStore, *, model: str, at: datetime, separation: Separation
) -> datetime | None:
    """Until when an emergency admission of the digest holds; None when there is none that holds at `at`.

    Raises:
        EvidenceRefused: there is one that has not ended, and this is why it does not count.
    """
    problem: EvidenceRefused | None = None
    earlier = emergencies(files, digest, trust, model=model, at=at, separation=separation)
    for name, content in dated_files(files, BREAK_GLASS):
        try:
            span = _read(name, content, digest, trust, model=model, at=at, separation=separation)
            if span.until > at:
                require_within_limit(span, earlier)
                return span.until
        except EvidenceRefused as error:
            problem = problem or error
    if problem is not None:
        raise problem
    return None


def emergencies(
    files: EvidenceFiles, digest: str, trust: TrustStore, *, model: str, at: datetime, separation: Separation
) -> tuple[Emergency, ...]:
    """When the digest could serve by emergency admissions up to now, also by keys that have run out since."""
    keys, found = trust.at_any_time(), []
    for name, content in dated_files(files, BREAK_GLASS):
        with suppress(EvidenceRefused):
            found.append(_read(name, content, digest, keys, model=model, at=at, separation=separation))
    return tuple(found)


def require_within_limit(emergency: Emergency, others: Iterable[Emergency]) -> None:
    """Check that a digest serves by `emergency`, and those of `others` that began before it, for no longer than it may.

    Times that overlap count once. What was taken away from the evidence is not seen.

    Raises:
        BreakGlassInvalid: it would be for longer.
    """
    before = sorted(other for other in others if other.begins < emergency.begins)
    spent, reached = timedelta(0), datetime.min.replace(tzinfo=UTC)
    for each in (*before, emergency):
        spent += max(each.until - max(each.begins, reached), timedelta(0))
        reached = max(reached, each.until)
    if spent > LONGEST_IN_ALL:
        raise BreakGlassInvalid(
            f"Emergency admissions of one model last {_hours(LONGEST_IN_ALL)} hours at most altogether, and this one "
            f"would make it {_hours(spent)}.",
            remedy="Have the gate decide (vouch gate VERSION), or serve another version: vouch promote VERSION",
        )


def read_break_glass(
    name: str, content: bytes, digest: str, trust: TrustStore, *, model: str, at: datetime, separation: Separation
) -> datetime:
    """Until when the emergency admission in a file, of a version of the registered model `model`, holds, or held.

    How long those before it lasted is not asked here.

    Raises:
        EvidenceRefused: it does not count, and a child says why.
    """
    return _read(name, content, digest, trust, model=model, at=at, separation=separation).until


def _read(
    name: str, content: bytes, digest: str, trust: TrustStore, *, model: str, at: datetime, separation: Separation
) -> Emergency:
    verified = verify_statement(
        read_envelope(content),
        trust,
        role="approver",
        at=at,
        digest=digest,
        predicate_type=BREAK_GLASS_TYPE,
        threshold=SIGNERS,
    )
    predicate = verified.statement.predicate
    require_about(verified.statement, model)
    read_text(predicate, "reason")
    begins, until = read_moment(predicate, "time"), read_moment(predicate, "validUntil")
    require_own_name(name, BREAK_GLASS, begins, verified.signers)
    if begins > at or until - begins > LONGEST:
        raise BreakGlassInvalid(
            f"An emergency admission holds for {_hours(LONGEST)} hours at most, from when it was signed.",
            remedy="Sign another: vouch break-glass VERSION",
        )
    if not any(_are_apart(separation, one, other) for one, other in combinations(verified.signers, 2)):
        raise BreakGlassInvalid(
            "The emergency admission is not signed by two who are apart.",
            remedy="Have two people sign it; [trust] separation says how far apart they must be.",
        )
    return Emergency(begins, until)


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):.4g}"


def _are_apart(separation: Separation, one: TrustedKey, other: TrustedKey) -> bool:
    try:
        require_apart(separation, one, [other])
    except SeparationBroken:
        return False
    return True
