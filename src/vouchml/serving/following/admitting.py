"""Ask for admission before a version is loaded, as `[trust] admission` has it, and again when trust has changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vouchml.errors import DecisionExpired, EvidenceRefused, KeyExpired, KeyNotYetValid, TrustStoreInvalid
from vouchml.governance.admission import Admission, AdmissionRules, admit
from vouchml.governance.signed_evidence import EvidenceFiles
from vouchml.model import Bundle
from vouchml.serving.following.evidence_cache import EvidenceCache
from vouchml.serving.following.reasons import public_reason
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store

IS_OFF: Final = "Admission is off ([trust] admission): versions are served without any evidence."
ONLY_WARNS: Final = "Admission only warns ([trust] admission): versions are served without evidence, too."

#: What time alone brings about: a reason to refuse the next load, and none to take away what serves.
OF_TIME: Final = (DecisionExpired, KeyExpired, KeyNotYetValid)
#: What `Admitting.moment_of_trust` gives where there is no trust store.
NO_TRUST_STORE: Final = (0, 0, 0)

Moment = tuple[int, int, int]
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Admitted:
    """A version that may be loaded: why, or what speaks against it where the settings let it in all the same.

    It was judged `at` that time, by the trust store that there was at `moment`.
    """

    admission: Admission | None
    warning: str = ""
    moment: Moment = NO_TRUST_STORE
    at: datetime = _NEVER

    @property
    def has_ended(self) -> bool:
        """Whether an emergency let the version in, and is over."""
        admission = self.admission
        return admission is not None and admission.is_break_glass and admission.valid_until <= datetime.now(UTC)


class Admitting:
    """Judges bundles for one process, by the trust store and the policy of its own settings."""

    def __init__(self, settings: Settings) -> None:
        self.mode: Final = settings.trust.admission
        self._rules = AdmissionRules.of(settings)
        self._trust_store = settings.trust_store_path
        self._cache = EvidenceCache(settings.private_folder / "evidence")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the settings give up."""
        return {"enforce": (), "warn": (ONLY_WARNS,), "off": (IS_OFF,)}[self.mode]

    def judge(self, bundle: Bundle, files: EvidenceFiles) -> Admitted:
        """Judge a bundle by the evidence `files`, and keep them for later loads if it may be loaded.

        Raises:
            EvidenceRefused: it may not, and a child says why.
            TrustStoreInvalid: nothing says whose keys count.
            FolderNotWritable: the evidence cannot be kept.
        """
        admitted = self._judge(bundle.folder, bundle.digest, files, datetime.now(UTC))
        if self.mode != "off":
            self._cache.keep(bundle.digest, files)
        return admitted

    def judge_again(self, bundle: Bundle) -> Admitted:
        """Judge a bundle by the evidence that was kept when it came.

        Raises:
            EvidenceRefused, TrustStoreInvalid: as `judge`.
        """
        return self._judge(bundle.folder, bundle.digest, self._cache.read(bundle.digest), datetime.now(UTC))

    def holds(self, admitted: Admitted) -> bool:
        """Whether nothing has changed since a version was let in that could speak against it now."""
        return self.mode == "off" or (admitted.moment == self.moment_of_trust() and not admitted.has_ended)

    def judge_on(self, bundle: Bundle, admitted: Admitted) -> Admitted:
        """Judge a version that serves, now that trust has changed or an emergency is over.

        A decision or a key that has only run out takes nothing away. Then the version is judged at the time at which it
        was let in, by all keys that are not revoked now, so that what is revoked ends it whatever else has run out.

        Raises:
            EvidenceRefused, TrustStoreInvalid: it must not go on.
        """
        try:
            return self.judge_again(bundle)
        except OF_TIME:
            if admitted.has_ended:
                raise
        moment = self.moment_of_trust()
        try:
            files = self._cache.read(bundle.digest)
            return self._judge(bundle.folder, bundle.digest, files, admitted.at, whenever_keys_count=True)
        except OF_TIME:  # what is newer than it was not there yet
            return replace(admitted, moment=moment)

    def moment_of_trust(self) -> Moment:
        """Something that is another when the trust store was changed."""
        try:
            found = self._trust_store.stat()
        except OSError:
            return NO_TRUST_STORE
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def _judge(
        self, folder: Path, digest: str, files: EvidenceFiles, at: datetime, *, whenever_keys_count: bool = False
    ) -> Admitted:
        if self.mode == "off":
            return Admitted(None)
        moment = self.moment_of_trust()  # before it is read: a change after that is seen by the next look
        try:
            trust = read_trust_store(self._trust_store)
            if whenever_keys_count:
                trust = trust.at_any_time()
            return Admitted(admit(folder, digest, files, trust=trust, rules=self._rules, at=at), "", moment, at)
        except (EvidenceRefused, TrustStoreInvalid) as error:
            if self.mode == "enforce":
                raise
            return Admitted(None, public_reason(error), moment, at)
