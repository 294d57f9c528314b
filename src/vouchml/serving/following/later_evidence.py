"""What is signed about versions while they serve: the watcher looks for it in MLflow with every look at the registry.

A decision FAIL, or a rejection, that is newer than what let a version in takes nothing down, and the next load is
refused by it: so it must show before that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vouchml.errors import BundleInvalid
from vouchml.governance.signed_evidence import is_evidence_name
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.evidence_files import EvidenceEntry, fetch_evidence, list_evidence
from vouchml.serving.following.admitting import Admitting
from vouchml.serving.following.bundle_cache import BundleCache
from vouchml.serving.following.moment import Moment
from vouchml.serving.following.reasons import public_reason
from vouchml.serving.following.state import Assignment, Role

#: Called once with a role, its version and a reason when somebody has signed what speaks against the version.
OnSpokenAgainst = Callable[[Role, Assignment, str], None]


@dataclass(frozen=True)
class _Look:
    """What was there at the last look, and the reason that came of it; empty when nothing speaks against."""

    listed: frozenset[EvidenceEntry]
    trust: Moment
    reason: str


class LaterEvidence:
    """Looks at the evidence of versions that serve; fetches it only when its list, or the trust store, has changed."""

    def __init__(self, admitting: Admitting, bundles: BundleCache, on_spoken_against: OnSpokenAgainst) -> None:
        self._admitting: Final = admitting
        self._bundles: Final = bundles
        self._on_spoken_against: Final = on_spoken_against
        self._looks: dict[str, _Look] = {}
        self._unreadable: dict[str, str] = {}

    def look(self, registry: ModelRegistry, serving: Mapping[Role, Assignment]) -> None:
        """Look at all that serve, and forget about others. What cannot be read is a warning until it can be."""
        if self._admitting.mode == "off":
            return
        digests = {each.digest for each in serving.values()}
        self._looks = {digest: look for digest, look in self._looks.items() if digest in digests}
        self._unreadable = {}
        for role, each in serving.items():
            try:
                self._look_at(registry, role, each)
            except BundleInvalid:
                continue  # it is fetched again, and judged then
            # Whatever somebody has put there, the registry must go on being followed.
            except Exception as error:  # noqa: BLE001
                about = f"What was signed about version {each.version} since it was let in cannot be read"
                self._unreadable[each.digest] = f"{about}: {public_reason(error)}"

    def problems(self) -> tuple[str, ...]:
        """What speaks against versions that serve, as the last look found it."""
        if self._admitting.mode != "enforce":
            return ()  # then a version is let in all the same, with a warning
        return tuple(look.reason for look in self._looks.values() if look.reason)

    def warnings(self) -> tuple[str, ...]:
        """What could not be read."""
        return tuple(self._unreadable.values())

    def _look_at(self, registry: ModelRegistry, role: Role, serving: Assignment) -> None:
        version = _version_of(serving)
        listed, trust = list_evidence(registry, version, is_evidence_name), self._admitting.moment_of_trust()
        last = self._looks.get(serving.digest)
        if last is not None and (last.listed, last.trust) == (listed, trust):
            return
        bundle = self._bundles.open(serving.digest)
        against = self._admitting.judge_since(bundle, fetch_evidence(registry, version, is_evidence_name))
        reason = f"Version {serving.version} would not be let in again: {against.reason}" if against else ""
        if against is not None and against.is_new:
            self._on_spoken_against(role, serving, reason)
        self._looks[serving.digest] = _Look(listed, trust, reason)


def _version_of(serving: Assignment) -> Version:
    return Version(
        name=serving.name,
        number=int(serving.version),
        run_id=serving.run_id,
        source=serving.source,
        stage="",
        aliases=(),
        created=serving.created,
        tags={},
    )
