"""A time-stamping authority (RFC 3161): it signs that a checkpoint was there at a time. Its answers are kept here.

`openssl ts -verify -in SIZE.tsr -data SIZE.checkpoint -CAfile ROOT.pem` verifies one without our code.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vouchml.errors import AnchorFailed, DependencyMissing
from vouchml.ledger.anchors.base import file_name
from vouchml.ledger.anchors.http import post
from vouchml.ledger.store.base import Checkpoint
from vouchml.settings import AnchorSettings
from vouchml.trust.private_file import write_private

if TYPE_CHECKING:
    from rfc3161_client import TimeStampRequest, TimeStampResponse

_QUERY: Final = "application/timestamp-query"
_WORTHLESS: Final = "Ask another authority, or whoever runs this one."


class TimestampAnchor:
    """The checkpoint and the answer lie side by side in `kept`: hand both to whoever verifies."""

    def __init__(self, settings: AnchorSettings, root: Path, kept: Path) -> None:
        self._url = settings.to
        self._certificate = root / settings.certificate if settings.certificate else None
        self._kept = kept

    def push(self, checkpoint: Checkpoint) -> None:
        """Ask for a timestamp, check that it is one of this checkpoint, and keep it.

        Raises:
            AnchorFailed: there is no answer, or it is no timestamp of this checkpoint.
            DependencyMissing: the extra `tsa` is not installed.
            FolderNotWritable: the answer cannot be kept.
        """
        try:
            from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response
        except ImportError as error:
            raise DependencyMissing(
                "Timestamps need rfc3161-client, which is not installed.", remedy="pip install 'vouchml[tsa]'"
            ) from error
        content = checkpoint.note.encode()
        request = TimestampRequestBuilder(data=content, hash_algorithm=HashAlgorithm.SHA256).build()
        answer = post(self._url, request.as_bytes(), _QUERY)
        try:
            response = decode_timestamp_response(answer)
        except ValueError as error:
            raise AnchorFailed("It answers with something that is no timestamp.", remedy=_WORTHLESS) from error
        self._require_of(content, request, response)
        path = self._kept / file_name(checkpoint)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, content)
        write_private(path.with_suffix(".tsr"), answer)

    def _require_of(self, content: bytes, request: TimeStampRequest, response: TimeStampResponse) -> None:
        """Check what can be: the digest and the nonce; with a root certificate, also who signed.

        Raises:
            AnchorFailed: it is a refusal, or the timestamp of something else, or its signature does not verify.
        """
        from rfc3161_client import PKIStatus, VerificationError, VerifierBuilder

        if response.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
            raise AnchorFailed("The authority refuses.", remedy=_WORTHLESS)
        token = response.tst_info
        if token.message_imprint.message != sha256(content).digest() or token.nonce != request.nonce:
            raise AnchorFailed("It answers with the timestamp of something else.", remedy=_WORTHLESS)
        if self._certificate is None:
            return
        from cryptography.x509 import load_pem_x509_certificates

        try:
            verifier = VerifierBuilder.from_request(request)
            for root in load_pem_x509_certificates(self._certificate.read_bytes()):
                verifier = verifier.add_root_certificate(root)
            verifier.build().verify_message(response, content)
        except VerificationError as error:
            raise AnchorFailed("The signature of the timestamp does not verify.", remedy=_WORTHLESS) from error
        except (OSError, ValueError) as error:
            raise AnchorFailed(
                "The certificate of the authority cannot be read.",
                remedy="Set [[ledger.anchors]] certificate to a PEM file with its root.",
            ) from error
