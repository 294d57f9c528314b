"""Pushes checkpoints to the places outside, in a thread of the watcher's process: one process a host."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import Final

from vouchml.errors import VouchError
from vouchml.ledger.anchors import AnchorPusher, AnchorState
from vouchml.serving.logs import SERVING, log_event
from vouchml.settings import AnchorSettings, Settings

LOOK_SECONDS: Final = 1.0


def start_anchoring(settings: Settings) -> None:
    """Begin, if the settings name a ledger and anchors. It ends with the process."""
    if settings.ledger.url and settings.ledger.anchors:
        threading.Thread(target=_anchor, args=(settings,), name="vouchml-anchors", daemon=True).start()


def _anchor(settings: Settings) -> None:
    pusher = AnchorPusher(settings, on_change=_log)
    while True:
        # Of a ledger that cannot be read the workers tell, and of a full disk the watcher.
        with suppress(VouchError, OSError):
            pusher.push()
        time.sleep(LOOK_SECONDS)


def _log(anchor: AnchorSettings, state: AnchorState) -> None:
    level = logging.WARNING if state.problem else logging.INFO
    log_event(SERVING, "anchor", level=level, kind=anchor.kind, size=state.size, problem=state.problem)
