"""Ask on a private copy what the service will ask before it loads a version: may it be?"""

from __future__ import annotations

from datetime import UTC, datetime

from vouchml.errors import EvidenceRefused
from vouchml.governance.admission import Admission, AdmissionRules, admit
from vouchml.project.private_copy import PrivateCopy
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store


def admission_of(settings: Settings, copy: PrivateCopy) -> Admission:
    """Judge a version by the rules of the project, as of now.

    Raises:
        EvidenceRefused: it may not be loaded; a child says why, of which version, and what to do.
        TrustStoreInvalid: the trust store cannot be read.
    """
    try:
        return admit(
            copy.folder,
            copy.digest,
            copy.evidence,
            trust=read_trust_store(settings.trust_store_path),
            rules=AdmissionRules.of(settings),
            at=datetime.now(UTC),
        )
    except EvidenceRefused as error:
        number = str(copy.version.number)
        raise type(error)(error.message, remedy=error.remedy.replace("VERSION", number)) from error
