"""What the service writes while it runs: one JSON line an event, on standard output.

No line holds an input, a score or a label. Predictions and refusals go to the logger `vouchml.predictions` (by
`request_log`), what happens to the model to `vouchml.serving`. A handler that is configured already, such as
uvicorn's `--log-config` can do, is left alone.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

PREDICTIONS: Final = logging.getLogger("vouchml.predictions")
SERVING: Final = logging.getLogger("vouchml.serving")


class StandardOutput(logging.StreamHandler[Any]):
    """Our own handler: lines as they are, on standard output."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self.setFormatter(logging.Formatter("%(message)s"))


def show_logs() -> None:
    """Send our events to standard output unless something else takes them."""
    logger = logging.getLogger("vouchml")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        logger.addHandler(StandardOutput())


def log_event(
    logger: logging.Logger,
    event: str,
    *,
    level: int = logging.INFO,
    exc_info: bool | BaseException = False,
    **fields: Any,
) -> None:
    """Write one event with its time in UTC."""
    if logger.isEnabledFor(level):
        line = json.dumps({"event": event, "time": utc_text(datetime.now(UTC)), **fields}, ensure_ascii=False)
        logger.log(level, "%s", line, exc_info=exc_info)


def utc_text(moment: datetime) -> str:
    """`moment` in ISO 8601, in UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
