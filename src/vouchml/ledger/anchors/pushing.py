"""Push the newest checkpoint to every place outside: not more often than is wanted, and again after a failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from vouchml.errors import AnchorFailed, VouchError
from vouchml.ledger.anchors.base import Anchor
from vouchml.ledger.anchors.open import open_anchor
from vouchml.ledger.anchors.state import AnchorState, AnchorStates
from vouchml.ledger.open import open_ledger
from vouchml.ledger.store.base import Checkpoint
from vouchml.settings import AnchorSettings, Settings

FIRST_RETRY_SECONDS: Final = 2.0
LONGEST_RETRY_SECONDS: Final = 300.0


@dataclass
class _Place:
    settings: AnchorSettings
    anchor: Anchor
    state: AnchorState
    due_at: float = 0.0
    failures: int = 0


class AnchorPusher:
    """The anchors of a project. One process a host does it at a time; `on_change` is told what has become different."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_change: Callable[[AnchorSettings, AnchorState], None] = lambda *_: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._states = AnchorStates(settings)
        self._on_change = on_change
        self._clock = clock
        self._places = [
            _Place(each, open_anchor(each, settings.root, self._states.kept(each)), self._states.read(each))
            for each in settings.ledger.anchors
        ]

    def push(self) -> None:
        """Push to those that are due.

        Raises:
            LedgerInvalid, LedgerUnavailable: the ledger cannot be read now.
        """
        due = [place for place in self._places if self._clock() >= place.due_at]
        newest = self._newest() if due else None
        for place in due:
            if newest is not None and (newest.size != place.state.size or place.state.problem):
                self._push(place, newest)

    def _push(self, place: _Place, newest: Checkpoint) -> None:
        try:
            _require_as_long(newest, place.state.size)
            place.anchor.push(newest)
        # A place outside may make some library raise whatever it likes; the others must get theirs.
        except Exception as error:  # noqa: BLE001
            place.failures += 1
            wait = FIRST_RETRY_SECONDS * 2.0 ** min(place.failures - 1, 10)
            place.due_at = self._clock() + min(wait, LONGEST_RETRY_SECONDS)
            problem = error.message if isinstance(error, VouchError) else f"It failed: {type(error).__name__}."
            self._tell(place, place.state.model_copy(update={"problem": problem}))
        else:
            place.failures = 0
            place.due_at = self._clock() + place.settings.every_seconds
            self._tell(place, AnchorState(size=newest.size, pushed_at=datetime.now(UTC)))

    def _tell(self, place: _Place, state: AnchorState) -> None:
        before, place.state = place.state, state
        self._states.write(place.settings, state)
        if before.problem != state.problem:
            self._on_change(place.settings, state)

    def _newest(self) -> Checkpoint | None:
        with closing(open_ledger(self._settings)) as store:
            return store.latest_checkpoint()


def _require_as_long(newest: Checkpoint, pushed: int) -> None:
    """Notice a ledger that lost records which an anchor has seen.

    Raises:
        AnchorFailed: it did.
    """
    if newest.size < pushed:
        raise AnchorFailed(
            f"The newest checkpoint is of {newest.size} records, and it has one of {pushed}: the ledger is an older "
            "copy, or its end was cut off.",
            remedy="Verify it with that checkpoint: vouch ledger verify --checkpoint FILE.",
        )
