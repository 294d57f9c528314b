"""Follow the registry: load what the pointer names beside what serves, then swap it in one assignment.

A thread looks every `[serving] poll_seconds`. Nothing that goes wrong takes away a model that serves: the reason is
kept in `status`, shown by `/health` and logged when it changes.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from vouchml.errors import NoModelLoaded, VersionNotFound, VouchError
from vouchml.registry import ModelRegistry, Pointer, Version
from vouchml.serving.bundle_cache import BundleCache
from vouchml.serving.logs import SERVING, log_event
from vouchml.serving.reasons import public_reason
from vouchml.serving.served_model import ServedModel, load_served_model
from vouchml.settings import Settings

JITTER: Final = 0.1
LONGEST_RETRY_SECONDS: Final = 60.0
STOP_WITHIN_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class FollowerStatus:
    """What the last look at the registry found. Empty `problems` mean that what should serve does."""

    problems: tuple[str, ...] = ("The registry has not been looked at yet.",)
    warnings: tuple[str, ...] = ()
    last_poll_at: datetime | None = None
    registry_reachable: bool | None = None


@dataclass(frozen=True)
class _Refused:
    """A version that could not be loaded, under a pointer that has not moved since."""

    version: Version
    pointer: Pointer
    attempts: int
    retry_at: float
    reason: str


class Follower:
    """Holds the model that serves and keeps it the one that the registry points at.

    `served` and `status` are replaced whole by the thread and may be read from anywhere. A request reads `served`
    once, so it sees one version from start to end.
    """

    def __init__(self, settings: Settings) -> None:
        self.model_name: Final = settings.project.registered_model
        self.stage: Final = settings.project.stage
        self.served: ServedModel | None = None
        self.status = FollowerStatus()
        self._tracking_uri = settings.tracking_uri
        self._poll_seconds = settings.serving.poll_seconds
        self._bundles = BundleCache(settings.private_folder / "bundles")
        self._pointer: Pointer | None = None
        self._loaded: Version | None = None
        self._refused: _Refused | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def retry_after(self) -> str:
        """The seconds after which asking again makes sense, as `Retry-After` has them."""
        return str(math.ceil(self._poll_seconds))

    def start(self) -> None:
        """Begin to follow the registry, in a thread that never holds up the end of the process."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stopping,), name="vouchml-follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following. A download that is under way is left to end with the process."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_SECONDS)

    def serving_model(self) -> ServedModel:
        """The model that serves now.

        Raises:
            NoModelLoaded: there is none yet.
        """
        served = self.served
        if served is None:
            raise NoModelLoaded(" ".join(("No model is loaded.", *self.status.problems)))
        return served

    def reasons(self) -> tuple[str, ...]:
        """Why the service is degraded; empty when it is well."""
        status = self.status
        seconds = (datetime.now(UTC) - status.last_poll_at).total_seconds() if status.last_poll_at else 0.0
        if seconds > 3 * self._poll_seconds + _PATIENCE_SECONDS:
            return (*status.problems, f"The last look at the registry ended {seconds:.0f} s ago.")
        return status.problems

    def poll(self) -> None:
        """Look once, load what is to serve, and keep in `status` what came of it."""
        before = self.status
        try:
            status = self._look()
        except VersionNotFound as error:
            status = FollowerStatus(problems=(self._kept(public_reason(error)),), registry_reachable=True)
        # MLflow and what lies below it raise whatever they like, and the thread has to outlive all of it.
        except Exception as error:  # noqa: BLE001
            text = self._kept(f"The registry cannot be read: {public_reason(error)}")
            status = FollowerStatus(problems=(text,), registry_reachable=False)
            if status.problems != before.problems:
                _log_failure("registry-unreachable", error)
        self.status = replace(status, last_poll_at=datetime.now(UTC))
        if (status.problems, status.warnings) != (before.problems, before.warnings):
            log_event(SERVING, "status", problems=status.problems, warnings=status.warnings)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self.poll()
            stopping.wait(self._poll_seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - spreads load

    def _look(self) -> FollowerStatus:
        # Connected anew each time: a database that was deleted or an MLflow that is down shows here at once.
        registry = ModelRegistry.connect(self._tracking_uri)
        pointer = registry.pointer(self.model_name, self.stage, previous=self._pointer)
        found = FollowerStatus(problems=(), warnings=pointer.warnings, registry_reachable=True)
        if pointer.version is None:
            self._pointer, self._refused = pointer, None
            nothing = f"No version of {self.model_name} is in {self.stage}, and none has the alias of that name."
            return replace(found, problems=(self._kept(nothing),))
        version = registry.version(self.model_name, str(pointer.version))
        self._pointer = pointer
        if self._serves(version):
            self._refused = None
            return found
        refused = self._still_refused(version, pointer) or self._take(registry, version, pointer)
        return replace(found, problems=(self._kept(refused.reason),)) if refused else found

    def _serves(self, version: Version) -> bool:
        """Whether `version` is the one that serves; a number alone can be given again after a model was deleted."""
        loaded = self._loaded
        return loaded is not None and (loaded.number, loaded.source, loaded.run_id, loaded.created) == (
            version.number,
            version.source,
            version.run_id,
            version.created,
        )

    def _still_refused(self, version: Version, pointer: Pointer) -> _Refused | None:
        """The refusal that still holds: nothing has changed, and it is too early to try again."""
        refused = self._refused
        if refused is None or (refused.version, refused.pointer) != (version, pointer):
            return None
        came_back = self.status.registry_reachable is False
        return None if came_back or time.monotonic() >= refused.retry_at else refused

    def _take(self, registry: ModelRegistry, version: Version, pointer: Pointer) -> _Refused | None:
        """Fetch, verify, load and swap; or say why `version` was refused."""
        try:
            bundle = self._bundles.obtain(partial(registry.fetch, version))
            served = load_served_model(
                bundle, name=version.name, stage=self.stage, version=str(version.number), run_id=version.run_id
            )
        # Whatever a broken version makes some library raise, the one that serves must go on.
        except Exception as error:  # noqa: BLE001
            self._refused = self._refusal(version, pointer, error)
            return self._refused
        self.served, self._loaded, self._refused = served, version, None
        log_event(
            SERVING,
            "model-loaded",
            model_name=served.name,
            model_version=served.version,
            source_run_id=served.run_id,
            model_digest=served.model_digest,
        )
        self._bundles.prune(keep=bundle)
        return None

    def _refusal(self, version: Version, pointer: Pointer, error: Exception) -> _Refused:
        last = self._refused
        same = last is not None and (last.version, last.pointer) == (version, pointer)
        attempts = last.attempts + 1 if last is not None and same else 1
        reason = f"Version {version.number} was not loaded: {public_reason(error)}"
        if last is None or last.reason != reason:
            _log_failure("model-refused", error, model_name=version.name, model_version=str(version.number))
        return _Refused(
            version=version,
            pointer=pointer,
            attempts=attempts,
            retry_at=time.monotonic() + min(self._poll_seconds * 2.0 ** min(attempts, 16), LONGEST_RETRY_SECONDS),
            reason=reason,
        )

    def _kept(self, problem: str) -> str:
        return f"{problem} Version {self.served.version} keeps serving." if self.served else problem


def _log_failure(event: str, error: Exception, **fields: str) -> None:
    ours = isinstance(error, VouchError)
    message = error.diagnostics() if isinstance(error, VouchError) else type(error).__name__
    log_event(SERVING, event, level=logging.WARNING, exc_info=not ours, message=message, **fields)
