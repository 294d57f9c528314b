"""Ask for admission before a version is loaded, as `[trust] admission` has it, and again when trust has changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from vouchml.errors import (
    ApprovalsMissing,
    DecisionExpired,
    DecisionFailed,
    EvidenceRefused,
    KeyExpired,
    KeyNotYetValid,
    TrustStoreInvalid,
)
from vouchml.governance.admission import Admission, AdmissionRules, admit
from vouchml.governance.later_statements import later_statements
from vouchml.governance.signed_evidence import BREAK_GLASS, EvidenceFiles, kind_of
from vouchml.model import Bundle
from vouchml.serving.following.evidence_cache import EvidenceCache
from vouchml.serving.following.moment import NOT_THERE, Moment, moment_of_file
from vouchml.serving.following.reasons import public_reason
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store

IS_OFF: Final = "Admission is off ([trust] admission): versions are served without any evidence."
ONLY_WARNS: Final = "Admission only warns ([trust] admission): versions are served without evidence, too."

#: What time alone brings about: a reason to refuse the next load, and none to take away what serves.
OF_TIME: Final = (DecisionExpired, KeyExpired, KeyNotYetValid)
#: What somebody may have signed since a version was let in brings about, too.
OF_LATER_WORDS: Final = (DecisionFailed, ApprovalsMissing)
#: What `Admitting.moment_of_trust` gives where there is no trust store.
NO_TRUST_STORE: Final = NOT_THERE

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Admitted:
    """A version that may be loaded: why, or what speaks against it where the settings let it in all the same.

    It was judged `at` that time, by the trust store that there was at `moment`, and by the files of `evidence`, of
    those that were kept at `evidence_moment`.
    """

    admission: Admission | None
    warning: str = ""
    moment: Moment = NO_TRUST_STORE
    at: datetime = _NEVER
    evidence: frozenset[str] = frozenset()
    evidence_moment: Moment = NOT_THERE

    @property
    def has_ended(self) -> bool:
        """Whether an emergency let the version in, and is over."""
        admission = self.admission
        return admission is not None and admission.is_break_glass and admission.valid_until <= datetime.now(UTC)


@dataclass(frozen=True)
class SpokenAgainst:
    """Why a version that serves would not be let in again, and whether somebody has signed that since the last look."""

    reason: str
    is_new: bool


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
        admitted = self._judge(bundle, files, datetime.now(UTC), evidence_moment=NOT_THERE)
        if self.mode == "off":
            return admitted
        self._cache.keep(bundle.digest, files)
        return replace(admitted, evidence_moment=self._cache.moment(bundle.digest))

    def judge_again(self, bundle: Bundle) -> Admitted:
        """Judge a bundle by the evidence that is kept: what it came with, and what was signed since.

        Raises:
            EvidenceRefused, TrustStoreInvalid: as `judge`.
        """
        moment = self._cache.moment(bundle.digest)  # before it is read: a change after that is seen by the next look
        return self._judge(bundle, self._cache.read(bundle.digest), datetime.now(UTC), evidence_moment=moment)

    def holds(self, digest: str, admitted: Admitted) -> bool:
        """Whether nothing has changed since a version was let in that could speak for or against it now."""
        if self.mode == "off":
            return True
        is_same_evidence = self._cache.moment(digest) in (admitted.evidence_moment, NOT_THERE)
        return is_same_evidence and admitted.moment == self.moment_of_trust() and not admitted.has_ended

    def judge_on(self, bundle: Bundle, admitted: Admitted) -> Admitted:
        """Judge a version that serves, now that trust or evidence has changed or an emergency is over.

        A decision or a key that has only run out takes nothing away, and neither does what was signed since. Then the
        version is judged by the evidence with which and at the time at which it was let in, by all keys that are not
        revoked now, so that what is revoked ends it whatever else has happened.

        Raises:
            EvidenceRefused, TrustStoreInvalid: it must not go on.
        """
        try:
            return self.judge_again(bundle)
        except EvidenceRefused:
            if admitted.has_ended:
                raise
        moment, evidence_moment = self.moment_of_trust(), self._cache.moment(bundle.digest)
        if moment == admitted.moment:  # nothing was revoked
            return replace(admitted, evidence_moment=evidence_moment)
        try:
            files = {n: content for n, content in self._cache.read(bundle.digest).items() if n in admitted.evidence}
            return self._judge(bundle, files, admitted.at, evidence_moment=evidence_moment, whenever_keys_count=True)
        except OF_TIME:  # what is newer than it was not there yet
            return replace(admitted, moment=moment, evidence_moment=evidence_moment)

    def judge_since(self, bundle: Bundle, found: EvidenceFiles) -> SpokenAgainst | None:
        """Judge a version that serves by what the registry has about it now, and keep what was signed since it came.

        What was taken away or changed in the registry changes nothing. What was signed since may speak for the version,
        as a new decision does when the old one has run out, or against it: then this says why. Break-glass counts only
        where it is needed.

        Raises:
            TrustStoreInvalid: nothing says whose keys count.
            FolderNotWritable: what was signed cannot be kept.
        """
        trust, now = read_trust_store(self._trust_store), datetime.now(UTC)
        kept = self._cache.read(bundle.digest)
        later = later_statements(found, kept, bundle.digest, trust, rules=self._rules, at=now)
        others = {name: content for name, content in later.items() if kind_of(name) != BREAK_GLASS}
        undated = {name: content for name, content in found.items() if kind_of(name) is None}
        emergency = [{**kept, **later, **undated}] if others != later else []
        refusals = []
        for files in ({**kept, **undated, **others}, {**kept, **others}, *emergency):
            try:
                admit(bundle.folder, bundle.digest, files, trust=trust.at_any_time(), rules=self._rules, at=now)
            except DecisionExpired:
                return None  # told beside it, and nobody has signed that
            except EvidenceRefused as error:
                refusals.append(error)
            else:
                self._cache.keep(bundle.digest, files)
                return None
        if others:
            self._cache.keep(bundle.digest, {**kept, **others})
        return SpokenAgainst(public_reason(refusals[1]), is_new=bool(others))

    def moment_of_trust(self) -> Moment:
        """Something that is another when the trust store was changed."""
        return moment_of_file(self._trust_store)

    def _judge(
        self,
        bundle: Bundle,
        files: EvidenceFiles,
        at: datetime,
        *,
        evidence_moment: Moment,
        whenever_keys_count: bool = False,
    ) -> Admitted:
        if self.mode == "off":
            return Admitted(None)
        moment = self.moment_of_trust()  # before it is read: a change after that is seen by the next look
        said: Admission | None = None
        warning = ""
        try:
            trust = read_trust_store(self._trust_store)
            if whenever_keys_count:
                trust = trust.at_any_time()
            said = admit(bundle.folder, bundle.digest, files, trust=trust, rules=self._rules, at=at)
        except (EvidenceRefused, TrustStoreInvalid) as error:
            if self.mode == "enforce":
                raise
            warning = public_reason(error)
        return Admitted(said, warning, moment, at, frozenset(files), evidence_moment)
