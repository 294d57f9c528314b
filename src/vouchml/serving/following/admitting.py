"""Ask for admission before a version is loaded, as `[trust] admission` has it, and again when trust has changed."""

from __future__ import annotations

from dataclasses import dataclass
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
_OF_TIME: Final = (DecisionExpired, KeyExpired, KeyNotYetValid)


@dataclass(frozen=True)
class Admitted:
    """A version that may be loaded: why, or what speaks against it where the settings let it in all the same."""

    admission: Admission | None
    warning: str = ""


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
        admitted = self._judge(bundle.folder, bundle.digest, files)
        if self.mode != "off":
            self._cache.keep(bundle.digest, files)
        return admitted

    def judge_again(self, bundle: Bundle) -> Admitted:
        """Judge a bundle by the evidence that was kept when it came.

        Raises:
            EvidenceRefused, TrustStoreInvalid: as `judge`.
        """
        return self._judge(bundle.folder, bundle.digest, self._cache.read(bundle.digest))

    def must_end(self, bundle: Bundle, *, was_break_glass: bool) -> EvidenceRefused | TrustStoreInvalid | None:
        """Why a version that was let in must not go on, now that trust or the time has changed; None when it may.

        A decision or a key that has run out is no reason to go dark. An emergency admission is: it has an end.
        """
        if self.mode != "enforce":
            return None
        try:
            self.judge_again(bundle)
        except _OF_TIME as error:
            return error if was_break_glass else None
        except (EvidenceRefused, TrustStoreInvalid) as error:
            return error
        return None

    def moment_of_trust(self) -> tuple[int, int, int]:
        """Something that is another when the trust store was changed."""
        try:
            found = self._trust_store.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def _judge(self, folder: Path, digest: str, files: EvidenceFiles) -> Admitted:
        if self.mode == "off":
            return Admitted(None)
        try:
            trust = read_trust_store(self._trust_store)
            return Admitted(admit(folder, digest, files, trust=trust, rules=self._rules, at=datetime.now(UTC)))
        except (EvidenceRefused, TrustStoreInvalid) as error:
            if self.mode == "enforce":
                raise
            return Admitted(None, public_reason(error))


@dataclass(frozen=True)
class Judged:
    """When a version was judged: which trust store counted, and until when an emergency lets it serve."""

    moment: tuple[int, int, int]
    break_glass_until: datetime | None

    @classmethod
    def of(cls, admitting: Admitting, admission: Admission | None) -> Judged:
        """A version was judged now."""
        is_emergency = admission is not None and admission.is_break_glass
        return cls(admitting.moment_of_trust(), admission.valid_until if admission and is_emergency else None)

    def holds(self, admitting: Admitting) -> bool:
        """Whether nothing has changed since."""
        in_time = self.break_glass_until is None or datetime.now(UTC) < self.break_glass_until
        return in_time and self.moment == admitting.moment_of_trust()
