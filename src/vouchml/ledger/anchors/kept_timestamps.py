"""The timestamps that an authority gave for checkpoints, verified again: who signed, over which bytes, and when.

Only one that verifies against a root certificate of the settings says anything against the operator of a ledger:
without it anybody could have written the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Timestamped:
    """A checkpoint of which an authority has signed that it was there at `time`, and the file that says so."""

    note: str
    file: str
    time: datetime


@dataclass(frozen=True, slots=True)
class KeptTimestamps:
    """What is kept of one authority: what verified, what did not by its file and why, and why none was checked."""

    verified: tuple[Timestamped, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    unchecked: str = ""


def read_kept_timestamps(kept: Path, certificate: Path | None) -> KeptTimestamps:
    """Verify each timestamp in the folder `kept` against the roots in the PEM file `certificate`."""
    answers = sorted(kept.glob("*.tsr"))
    if not answers:
        return KeptTimestamps()
    count = f"{len(answers)} timestamps were not checked"
    if certificate is None:
        return KeptTimestamps(unchecked=f"{count}: [[ledger.anchors]] certificate does not name the authority's root.")
    try:
        import rfc3161_client  # noqa: F401 - whether it is there
    except ImportError:
        return KeptTimestamps(unchecked=f"{count}: pip install 'vouchml[tsa]'")
    from cryptography.x509 import load_pem_x509_certificates

    try:
        roots = load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError):
        return KeptTimestamps(unchecked=f"{count}: the PEM file of [[ledger.anchors]] certificate cannot be read.")
    verified, refused = [], []
    for answer in answers:
        try:
            content = answer.with_suffix(".checkpoint").read_bytes()
            time = timestamp_of(answer.read_bytes(), content, roots)
            verified.append(Timestamped(content.decode(), answer.name, time))
        except (OSError, ValueError) as error:
            refused.append((answer.name, _why(error)))
    return KeptTimestamps(tuple(verified), tuple(refused))


def timestamp_of(answer: bytes, content: bytes, roots: Sequence[Certificate]) -> datetime:
    """The time at which an authority under one of the `roots` signed that `content` was there (RFC 3161, section 2.4).

    Its certificate must have been valid at that time, and be one for time-stamping.

    Raises:
        ValueError: `answer` is no timestamp of `content` by such an authority.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    response = decode_timestamp_response(answer)
    verifier = VerifierBuilder()
    for root in roots:
        verifier = verifier.add_root_certificate(root)
    try:
        verifier.build().verify_message(response, content)
    except VerificationError as error:
        raise ValueError(str(error)) from error
    return response.tst_info.gen_time


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return "its checkpoint, or it, cannot be read"
    return f"it does not verify ({str(error)[:200]})"
