"""Follow the watcher: load what the state file names beside what serves, then swap it in one assignment.

A thread looks at the file ten times a second. Nothing that goes wrong takes away a model that serves: the reason is
kept in `status`, shown by `/health` and logged when it changes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from vouchml.errors import (
    BundleInvalid,
    EvidenceRefused,
    FolderNotWritable,
    NoModelLoaded,
    TrustStoreInvalid,
    VouchError,
)
from vouchml.serving.following.admission_notes import flags, run_out, spoken_against
from vouchml.serving.following.admitting import NO_TRUST_STORE, Admitted, Admitting
from vouchml.serving.following.bundle_cache import BundleCache
from vouchml.serving.following.reasons import public_reason
from vouchml.serving.following.served_model import Lineup, ServedModel, load_served_model, readmitted, takes_same_input
from vouchml.serving.following.state import ROLES, Assignment, Role, ServingState, StateFile
from vouchml.serving.held_signals import held_back
from vouchml.serving.logs import SERVING, log_event
from vouchml.serving.reply import Header
from vouchml.serving.settings_file import SettingsFile
from vouchml.settings import Settings

LOOK_SECONDS: Final = 0.1
STOP_WITHIN_SECONDS: Final = 2.0
RESTART_WATCHER_SECONDS: Final = 2.0
TRUST_MAY_BE_GONE_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 30.0
Outcome = Literal["loaded", "refused"]


@dataclass(frozen=True)
class FollowerStatus:
    """What the last look found. Empty `problems` mean that what should serve does."""

    problems: tuple[str, ...] = ("The registry has not been looked at yet.",)
    warnings: tuple[str, ...] = ()
    last_poll_at: datetime | None = None
    registry_reachable: bool | None = None


class Follower:
    """Holds the versions that serve and keeps them the ones that the registry points at.

    `lineup` and `status` are replaced whole by the thread and may be read from anywhere. A request reads `lineup`
    once, so it sees one version from start to end.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        settings_file: SettingsFile | None = None,
        on_reload: Callable[[Outcome, int], None] = lambda _outcome, _times: None,
        on_lineup: Callable[[Lineup], None] = lambda _: None,
        on_loaded: Callable[[Role, ServedModel], None] = lambda _role, _served: None,
        on_refused: Callable[[Role, Assignment, str], None] = lambda _role, _assignment, _reason: None,
    ) -> None:
        self.model_name: Final = settings.project.registered_model
        self.stage: Final = settings.project.stage
        self.lineup: Lineup | None = None
        self.status = FollowerStatus()
        self._settings = settings
        self._settings_file = settings_file
        self._on_reload = on_reload
        self._on_lineup = on_lineup
        self._on_loaded = on_loaded
        self._on_refused = on_refused
        self._file = StateFile(settings)
        self._bundles = BundleCache(settings.private_folder / "bundles")
        self._admitting = Admitting(settings)
        self._trust_gone_since: float | None = None
        #: What every answer says beside its door's own headers, such as that an emergency let the version in.
        self.flags: tuple[Header, ...] = ()
        self._loaded: dict[Role, tuple[Assignment, ServedModel]] = {}
        self._refused: dict[Role, str] = {}
        self._seen = (-1, -1)
        self._refusals = 0
        self._registry_answered = False
        self._began = datetime.now(UTC)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._watcher_began = -math.inf

    @property
    def served(self) -> ServedModel | None:
        """The version that serves, if there is one."""
        lineup = self.lineup
        return lineup.champion if lineup else None

    @property
    def retry_after(self) -> str:
        """The seconds after which asking again makes sense, as `Retry-After` has them."""
        return str(math.ceil(self._settings.serving.poll_seconds))

    @property
    def standing_warnings(self) -> tuple[str, ...]:
        """What the settings give up, whatever the last look found, and whether they are still those of the file."""
        outdated = self._settings_file.warning if self._settings_file else ""
        return (*self._admitting.warnings, *((outdated,) if outdated else ()))

    @property
    def settings_changed(self) -> bool:
        """Whether the file of the settings is another than at the start; false where nothing is known of it."""
        return self._settings_file is not None and self._settings_file.changed

    def start(self) -> None:
        """Load from the cache what served last, and begin to follow, in a thread that never holds up the end."""
        self._began = datetime.now(UTC)
        self._stopping = threading.Event()
        before = self._file.read()
        self._refusals = before.refusals if before is not None else 0
        self.refresh()
        self._thread = threading.Thread(target=self._run, args=(self._stopping,), name="vouchml-follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following, and the watcher with it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_SECONDS)
        if self._watcher is not None:
            _end(self._watcher)
            self._watcher = None

    def look_now(self) -> None:
        """Ask the watcher to look at the registry at once."""
        self._file.ring()

    def serving_model(self) -> ServedModel:
        """The version that serves now.

        Raises:
            NoModelLoaded: there is none yet.
        """
        return self.serving_lineup().champion

    def serving_lineup(self) -> Lineup:
        """The versions that serve now.

        Raises:
            NoModelLoaded: there is none yet.
        """
        lineup = self.lineup
        if lineup is None:
            raise NoModelLoaded(" ".join(("No model is loaded.", *self.status.problems)))
        return lineup

    def reasons(self) -> tuple[str, ...]:
        """Why the service is degraded; empty when it is well."""
        status = self.status
        since = status.last_poll_at or self._began
        seconds = (datetime.now(UTC) - since).total_seconds()
        if seconds > 3 * self._settings.serving.poll_seconds + _PATIENCE_SECONDS:
            return (*status.problems, f"The last look at the registry ended {seconds:.0f} s ago.")
        return status.problems

    def refresh(self) -> None:
        """Look at the state file, load what is new in it, and keep in `status` what came of it."""
        if self._settings_file is not None:
            self._settings_file.look()
        ended = self._end_what_must_not_go_on()
        changed = self._file.changed()
        if changed == self._seen and not ended:
            return
        state = self._file.read()
        if state is None:
            return
        self._seen = changed
        self._count_refusals(state)
        self._registry_answered |= state.registry_reachable and state.last_poll_at >= self._began
        before = self.status
        failures = [text for role in ROLES if (text := self._follow(role, state.assigned(role)))]
        self._line_up()
        self.status = FollowerStatus(
            problems=(*state.problems, *failures, *run_out(self._serving())),
            warnings=(
                *state.warnings,
                *spoken_against(self._serving()),
                *self._unfit_challengers(),
                *self._from_cache(state),
            ),
            last_poll_at=state.last_poll_at,
            registry_reachable=state.registry_reachable,
        )
        if self.status.problems != before.problems and failures:
            log_event(SERVING, "status", problems=self.status.problems, warnings=self.status.warnings)

    def _unfit_challengers(self) -> tuple[str, ...]:
        left_out = [
            role for role in ROLES if role in self._loaded and role != "champion" and not self._challenger(role)
        ]
        return tuple(
            f"There is no {role}: version {self._loaded[role][1].version} takes other features, or knows other labels, "
            "than the version that serves."
            for role in left_out
        )

    def _count_refusals(self, state: ServingState) -> None:
        """Count what the watcher has refused since the last look; every worker does, as with what it loads."""
        if state.refusals > self._refusals:
            self._on_reload("refused", state.refusals - self._refusals)
        self._refusals = state.refusals

    def _from_cache(self, state: ServingState) -> tuple[str, ...]:
        if state.champion is None or self._registry_answered:
            return ()
        text = f"Version {state.champion.version} comes from the cache: the registry has not answered since the start."
        return (text,)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._keep_watcher()
            try:
                self.refresh()
            # The thread has to outlive whatever a disk or a library comes up with.
            except Exception as error:  # noqa: BLE001
                log_event(SERVING, "refresh-failed", level=logging.ERROR, exc_info=True, message=type(error).__name__)
            stopping.wait(LOOK_SECONDS)

    def _follow(self, role: Role, assignment: Assignment | None) -> str:
        """Load the version of a role when it is another one; the problem, if it cannot be loaded."""
        if assignment is None:
            # A champion goes on until there is another: an empty pointer takes nothing away.
            if role != "champion":
                self._loaded.pop(role, None)
            return ""
        loaded = self._loaded.get(role)
        if loaded is not None and loaded[0] == assignment:
            return ""
        try:
            bundle = self._bundles.open(assignment.digest)
            admitted = self._admitting.judge_again(bundle)
            served = load_served_model(
                bundle, assignment, admitted, stage=self.stage, max_rows=self._settings.serving.max_batch_rows
            )
        # Whatever a broken version makes some library raise, the one that serves must go on.
        except Exception as error:  # noqa: BLE001
            return self._refusal(role, assignment, error)
        self._loaded[role] = (assignment, served)
        self._refused.pop(role, None)
        self._on_reload("loaded", 1)
        self._on_loaded(role, served)
        log_event(
            SERVING,
            "model-loaded",
            role=role,
            model_name=served.name,
            model_version=served.version,
            source_run_id=served.run_id,
            model_digest=served.model_digest,
        )
        return ""

    def _refusal(self, role: Role, assignment: Assignment, error: Exception) -> str:
        reason = f"Version {assignment.version} was not loaded: {public_reason(error)}"
        if self._refused.get(role) != reason:
            self._refused[role] = reason
            self._on_reload("refused", 1)
            self._on_refused(role, assignment, reason)
            ours = isinstance(error, VouchError)
            log_event(SERVING, "model-refused", level=logging.WARNING, exc_info=not ours, role=role, message=reason)
        if isinstance(error, BundleInvalid):
            with contextlib.suppress(BundleInvalid):  # what names no bundle has none to take out
                self._bundles.discard(assignment.digest)
        with contextlib.suppress(OSError):
            self.look_now()
        champion = self.served
        return f"{reason} Version {champion.version} keeps serving." if champion else reason

    def _end_what_must_not_go_on(self) -> bool:
        """Take away what was revoked, and what an emergency let in until now; whether there was anything."""
        ended = False
        for role, (assignment, served) in list(self._loaded.items()):
            if self._admitting.holds(served.model_digest, served.admitted):
                self._trust_gone_since = None
                continue
            try:
                again = self._admitting.judge_on(served.bundle, served.admitted)
            except (EvidenceRefused, TrustStoreInvalid) as error:
                if self._is_being_replaced(error):
                    continue
                del self._loaded[role]
                self._line_up()
                self._refusal(role, assignment, error)
                ended = True
            else:
                self._go_on(role, assignment, served, again)
        return ended

    def _is_being_replaced(self, error: Exception) -> bool:
        """Whether the trust store is gone or broken only since a moment, as while somebody writes it in place."""
        if not isinstance(error, TrustStoreInvalid) and self._admitting.moment_of_trust() != NO_TRUST_STORE:
            return False
        self._trust_gone_since = self._trust_gone_since or time.monotonic()
        return time.monotonic() - self._trust_gone_since < TRUST_MAY_BE_GONE_SECONDS

    def _go_on(self, role: Role, assignment: Assignment, served: ServedModel, again: Admitted) -> None:
        """Let a version go on by what lets it in now, which may be another decision than before."""
        is_other = again.admission != served.admitted.admission
        served = readmitted(served, again)
        self._loaded[role] = (assignment, served)
        self._line_up()
        if is_other:
            self._on_loaded(role, served)

    def _serving(self) -> list[ServedModel]:
        return [served for _, served in self._loaded.values()]

    def _line_up(self) -> None:
        champion = self._loaded.get("champion")
        self.flags = flags(self._serving())
        if champion is None:
            self.lineup = None
            return
        canary, shadow = self._challenger("canary"), self._challenger("shadow")
        before, now = self.lineup, (champion[1], canary, shadow)
        if before is None or (before.champion, before.canary, before.shadow) != now:
            setting = self._settings.serving.canary
            self.lineup = Lineup(champion[1], canary, setting.share if setting else 0.0, shadow)
            self._on_lineup(self.lineup)

    def _challenger(self, role: Role) -> ServedModel | None:
        """The version of `role`, if it can stand beside the champion that serves now."""
        loaded, champion = self._loaded.get(role), self._loaded["champion"][1]
        return loaded[1] if loaded is not None and takes_same_input(loaded[1], champion) else None

    def _keep_watcher(self) -> None:
        """Start the watcher, and another when it has ended."""
        if self._watcher is not None and self._watcher.poll() is None:
            return
        if self._watcher is not None:
            log_event(SERVING, "watcher-ended", level=logging.WARNING, exit_status=self._watcher.returncode)
            _end(self._watcher)
            self._watcher = None
        if time.monotonic() - self._watcher_began < RESTART_WATCHER_SECONDS:
            return
        self._watcher_began = time.monotonic()
        try:
            self._file.prepare()
            self._watcher = _start_watcher(self._settings, self._file)
        except (OSError, FolderNotWritable) as error:
            reason = public_reason(error) if isinstance(error, VouchError) else "The watcher cannot be started."
            self.status = FollowerStatus(problems=(reason,), warnings=(), last_poll_at=self.status.last_poll_at)


def _start_watcher(settings: Settings, file: StateFile) -> subprocess.Popen[bytes]:
    described = {"settings": settings.model_dump(mode="json"), "root": str(settings.root)}
    with held_back(signal.SIGINT, signal.SIGTERM):  # which it ignores, once it can
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "vouchml.serving.following.watcher_process", str(file.lock)],
            stdin=subprocess.PIPE,
        )
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(described).encode() + b"\n")
        process.stdin.flush()
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the watcher where it stands, by closing its input: what a fetch has left is removed by a later one."""
    try:
        process.communicate(timeout=STOP_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
