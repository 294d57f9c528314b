"""Watch the registry: find what its pointers name, fetch and check it, and tell the workers in the state file.

Nothing that goes wrong takes away a version that serves: the reason is told beside it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from vouchml.errors import (
    BundleInvalid,
    EvidenceRefused,
    FolderNotWritable,
    LoadTooSlow,
    TrustStoreInvalid,
    VersionNotFound,
    VouchError,
)
from vouchml.governance.signed_evidence import EvidenceFiles, is_evidence_name
from vouchml.model import Bundle
from vouchml.registry import ModelRegistry, Pointer, Version
from vouchml.registry.evidence_files import fetch_evidence
from vouchml.serving.following.admitting import OF_LATER_WORDS, OF_TIME, Admitted, Admitting
from vouchml.serving.following.bundle_cache import BundleCache
from vouchml.serving.following.later_evidence import LaterEvidence
from vouchml.serving.following.reasons import public_reason
from vouchml.serving.following.state import Assignment, Role, ServingState, StateFile
from vouchml.serving.following.trial import try_to_load
from vouchml.serving.following.watcher_ledger import WatcherLedger
from vouchml.serving.logs import SERVING, log_event
from vouchml.settings import Settings

LONGEST_RETRY_SECONDS: Final = 60.0
#: A version that takes all the time that it has keeps the watcher from looking, so it gets it seldom.
SLOW_RETRY_FACTOR: Final = 10.0


@dataclass(frozen=True)
class _Refused:
    """A version that could not be loaded, under a pointer that has not moved since."""

    version: Version
    pointer: Pointer
    attempts: int
    retry_at: float
    reason: str


@dataclass(frozen=True)
class _Found:
    """What one look came to for one role: the version to serve, and what to say about it."""

    assignment: Assignment | None
    problem: str = ""


class Watcher:
    """Looks at the registry of one project and keeps its state file. One process a host does it at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.project.registered_model
        self._stage = settings.project.stage
        self._file = StateFile(settings)
        self._bundles = BundleCache(settings.private_folder / "bundles")
        self._admitting = Admitting(settings)
        self._admitted: dict[str, Admitted] = {}
        self._ledger = WatcherLedger(settings)
        self._later = LaterEvidence(self._admitting, self._bundles, self._ledger.spoken_against)
        self._last_digest: str | None = None
        state = self._file.read()
        self._state = state
        self._pointer = _recorded_pointer(state)
        self._checked: set[str] = set()
        self._refused: dict[Role, _Refused] = {}
        self._refusals = state.refusals if state is not None else 0
        self._bundles.remove_abandoned()

    def poll(self) -> ServingState:
        """Look once, fetch and check what is to serve, and write down what came of it."""
        before = self._state
        try:
            state = self._look(before)
        except VersionNotFound as error:
            state = self._unchanged(before, public_reason(error), reachable=True)
        # MLflow and what lies below it raise whatever they like, and the watcher has to outlive all of it.
        except Exception as error:  # noqa: BLE001
            state = self._unchanged(before, f"The registry cannot be read: {public_reason(error)}", reachable=False)
            if before is None or state.problems != before.problems:
                _log_failure("registry-unreachable", error)
        self._ledger.flush()
        state = self._tell(state.model_copy(update={"refusals": self._refusals}))
        if before is None or (state.problems, state.warnings) != (before.problems, before.warnings):
            log_event(SERVING, "status", problems=state.problems, warnings=state.warnings)
        self._state = state
        return state

    def _tell(self, state: ServingState) -> ServingState:
        """Write `state` down; where there is no room for that, say so in it, over the one that is there."""
        try:
            self._file.prepare()
            self._file.write(state)
        except (OSError, FolderNotWritable) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            problem = _kept(f"The state of the service cannot be written: {reason or 'see the log'}.", state.champion)
            state = state.model_copy(update={"problems": (*state.problems, problem)})
            if self._state is None or state.problems != self._state.problems:
                _log_failure("state-not-written", error)
            # Where this fails too, workers see that the last look is long ago, and say so.
            with suppress(OSError):
                self._file.write_in_place(state)
        return state

    def _look(self, before: ServingState | None) -> ServingState:
        # Connected anew each time: a database that was deleted or an MLflow that is down shows here at once.
        registry = ModelRegistry.connect(self._settings.tracking_uri)
        pointer = registry.pointer(self._name, self._stage, previous=self._pointer)
        came_back = before is not None and not before.registry_reachable
        if came_back:
            self._refused.clear()
        found = self._find(registry, "champion", pointer, before, lambda: _of_pointer(registry, self._name, pointer))
        if pointer.version is None:
            nothing = f"No version of {self._name} is in {self._stage}, and none has the alias of that name."
            found = _Found(before.champion if before else None, nothing)
        self._pointer = pointer
        challengers, warnings = self._challengers(registry, pointer, before)
        problem = _kept(found.problem, found.assignment) if found.problem else ""
        assigned: dict[Role, Assignment | None] = {"champion": found.assignment, **challengers}
        # What came just now was judged just now.
        served = {role: each for role, each in assigned.items() if each and before and before.assigned(role) == each}
        self._later.look(registry, served)
        state = ServingState(
            champion=found.assignment,
            canary=challengers["canary"],
            shadow=challengers["shadow"],
            problems=(*((problem,) if problem else ()), *self._later.problems()),
            warnings=(*pointer.warnings, *warnings, *self._later.warnings()),
            last_poll_at=datetime.now(UTC),
            registry_reachable=True,
            pointer_alias=pointer.alias,
            pointer_stage=pointer.stage,
            pointer_version=pointer.version,
        )
        kept = {each.digest for each in (state.champion, state.canary, state.shadow) if each is not None}
        if before is None or kept != {each.digest for each in _assignments(before)}:
            self._bundles.prune(keep=kept)
        return state

    def _challengers(
        self, registry: ModelRegistry, pointer: Pointer, before: ServingState | None
    ) -> tuple[dict[Role, Assignment | None], list[str]]:
        """The canary and the shadow; one that cannot serve is left out with a warning, since nobody waits for it."""
        serving = self._settings.serving
        references: dict[Role, str] = {
            "canary": serving.canary.version if serving.canary else "",
            "shadow": serving.shadow,
        }
        assigned: dict[Role, Assignment | None] = {}
        warnings = []
        for role, reference in references.items():
            assigned[role] = None
            if not reference:
                continue
            try:
                wanted = partial(registry.version, self._name, reference)
                found = self._find(registry, role, pointer, before, wanted)
            except VersionNotFound as error:
                found = _Found(None, public_reason(error))
            if found.problem:
                warnings.append(f"There is no {role}: {found.problem}")
            else:
                assigned[role] = found.assignment
        return assigned, warnings

    def _find(
        self,
        registry: ModelRegistry,
        role: Role,
        pointer: Pointer,
        before: ServingState | None,
        wanted: Callable[[], Version | None],
    ) -> _Found:
        version = wanted()
        kept = before.assigned(role) if before else None
        if kept is not None and not self._may_go_on(kept):
            kept = None
        if version is None:
            self._refused.pop(role, None)
            return _Found(None)
        if kept is not None and _is_version(kept, version) and self._is_there(kept):
            self._refused.pop(role, None)
            return _Found(kept)
        refused = self._still_refused(role, version, pointer)
        if refused is None:
            try:
                assignment = self._take(registry, version)
            # Whatever a broken version makes some library raise, the one that serves must go on.
            except Exception as error:  # noqa: BLE001
                refused = self._refusal(role, version, pointer, error)
            else:
                self._refused.pop(role, None)
                return _Found(assignment)
        return _Found(kept, refused.reason)

    def _is_there(self, kept: Assignment) -> bool:
        """Whether the bundle of a version that serves is in the cache: every file is looked at once in a process.

        A worker that finds one changed later takes it out, and it is fetched again.
        """
        if kept.digest not in self._checked and self._bundles.holds(kept.digest):
            self._checked.add(kept.digest)
        return kept.digest in self._checked and self._bundles.has(kept.digest)

    def _take(self, registry: ModelRegistry, version: Version) -> Assignment:
        """Fetch `version`, judge it, and have it loaded once, as every worker will."""
        self._last_digest = None
        evidence = {} if self._admitting.mode == "off" else fetch_evidence(registry, version, is_evidence_name)
        bundle = self._bundles.obtain(
            partial(registry.fetch, version, most_bytes=self._settings.serving.max_bundle_bytes),
            accept=partial(self._accept, version, evidence),
        )
        self._checked.add(bundle.digest)
        return _assignment(version, bundle)

    def _accept(self, version: Version, evidence: EvidenceFiles, bundle: Bundle) -> None:
        self._last_digest = bundle.digest
        admitted = self._admitting.judge(bundle, evidence)
        seconds = self._settings.serving.load_seconds
        try_to_load(bundle, _assignment(version, bundle), stage=self._stage, seconds=seconds)
        self._admitted[bundle.digest] = admitted

    def _may_go_on(self, kept: Assignment) -> bool:
        """Whether a version that serves may: looked at again when trust, evidence or an emergency has changed.

        One that may not is fetched anew, with its evidence; the workers judge for themselves.
        """
        admitted = self._admitted.get(kept.digest)
        if admitted is not None and self._admitting.holds(kept.digest, admitted):
            return True
        try:
            bundle = self._bundles.open(kept.digest)
        except BundleInvalid:
            return True  # it is fetched again, and judged then
        try:
            again = self._admitting.judge_on(bundle, admitted) if admitted else self._admitting.judge_again(bundle)
        except (*OF_TIME, *OF_LATER_WORDS):
            # Let in by a watcher before this one, and run out or spoken against since.
            return admitted is None
        except (EvidenceRefused, TrustStoreInvalid):
            return False
        self._admitted[kept.digest] = again
        return True

    def _still_refused(self, role: Role, version: Version, pointer: Pointer) -> _Refused | None:
        """The refusal that still holds: nothing has changed, and it is too early to try again."""
        refused = self._refused.get(role)
        if refused is None or (refused.version, refused.pointer) != (version, pointer):
            return None
        return None if time.monotonic() >= refused.retry_at else refused

    def _refusal(self, role: Role, version: Version, pointer: Pointer, error: Exception) -> _Refused:
        last = self._refused.get(role)
        same = last is not None and (last.version, last.pointer) == (version, pointer)
        attempts = last.attempts + 1 if last is not None and same else 1
        reason = f"Version {version.number} was not loaded: {public_reason(error)}"
        if last is None or last.reason != reason:
            self._refusals += 1
            self._ledger.refused(version, self._last_digest, role, reason)
            _log_failure("model-refused", error, model_name=version.name, model_version=str(version.number), role=role)
        serving = self._settings.serving
        wait = min(serving.poll_seconds * 2.0 ** min(attempts, 16), LONGEST_RETRY_SECONDS)
        if isinstance(error, LoadTooSlow):
            wait = max(wait, SLOW_RETRY_FACTOR * serving.load_seconds)
        refused = _Refused(
            version=version, pointer=pointer, attempts=attempts, retry_at=time.monotonic() + wait, reason=reason
        )
        self._refused[role] = refused
        return refused

    def _unchanged(self, before: ServingState | None, problem: str, *, reachable: bool) -> ServingState:
        """What served goes on, with a problem."""
        champion = before.champion if before else None
        told = _kept(problem, champion)
        if before is None:
            return ServingState(problems=(told,), last_poll_at=datetime.now(UTC), registry_reachable=reachable)
        return before.model_copy(
            update={
                "problems": (told, *self._later.problems()),
                "warnings": (),
                "last_poll_at": datetime.now(UTC),
                "registry_reachable": reachable,
            }
        )


def _of_pointer(registry: ModelRegistry, name: str, pointer: Pointer) -> Version | None:
    return None if pointer.version is None else registry.version(name, str(pointer.version))


def _assignment(version: Version, bundle: Bundle) -> Assignment:
    return Assignment(
        name=version.name,
        version=str(version.number),
        run_id=version.run_id,
        source=version.source,
        created=version.created,
        digest=bundle.digest,
    )


def _recorded_pointer(state: ServingState | None) -> Pointer | None:
    if state is None or state.pointer_version is None:
        return None
    return Pointer(alias=state.pointer_alias, stage=state.pointer_stage, version=state.pointer_version)


def _assignments(state: ServingState) -> list[Assignment]:
    return [each for each in (state.champion, state.canary, state.shadow) if each is not None]


def _is_version(assignment: Assignment, version: Version) -> bool:
    """Whether both are the same; a number alone can be given again after a model was deleted."""
    return (assignment.version, assignment.source, assignment.run_id, assignment.created) == (
        str(version.number),
        version.source,
        version.run_id,
        version.created,
    )


def _kept(problem: str, champion: Assignment | None) -> str:
    return f"{problem} Version {champion.version} keeps serving." if champion else problem


def _log_failure(event: str, error: Exception, **fields: str) -> None:
    ours = isinstance(error, VouchError)
    message = error.diagnostics() if isinstance(error, VouchError) else type(error).__name__
    log_event(SERVING, event, level=logging.WARNING, exc_info=not ours, message=message, **fields)
