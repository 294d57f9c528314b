"""Break-glass: two people let one model digest serve for a few hours without a decision of the gate.

It stands in for the decision alone. Signature, contract, golden rows and ledger are asked for as ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations
from typing import Final

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
SIGNERS: Final = 2


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
    for name, content in dated_files(files, BREAK_GLASS):
        try:
            until = read_break_glass(name, content, digest, trust, model=model, at=at, separation=separation)
        except EvidenceRefused as error:
            problem = problem or error
        else:
            if until > at:
                return until
    if problem is not None:
        raise problem
    return None


def read_break_glass(
    name: str, content: bytes, digest: str, trust: TrustStore, *, model: str, at: datetime, separation: Separation
) -> datetime:
    """Until when the emergency admission in a file, of a version of the registered model `model`, holds, or held.

    Raises:
        EvidenceRefused: it does not count, and a child says why.
    """
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
            f"An emergency admission holds for {LONGEST.seconds // 3600} hours at most, from when it was signed.",
            remedy="Sign another: vouch break-glass VERSION",
        )
    if not any(_are_apart(separation, one, other) for one, other in combinations(verified.signers, 2)):
        raise BreakGlassInvalid(
            "The emergency admission is not signed by two who are apart.",
            remedy="Have two people sign it; [trust] separation says how far apart they must be.",
        )
    return until


def _are_apart(separation: Separation, one: TrustedKey, other: TrustedKey) -> bool:
    try:
        require_apart(separation, one, [other])
    except SeparationBroken:
        return False
    return True
