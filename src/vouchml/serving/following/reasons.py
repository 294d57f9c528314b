"""What the service says in public about a failure: what happened, never a path, an address or a library's words."""

from __future__ import annotations

import re
from typing import Final

from vouchml.errors import RegistryUnreachable, VouchError

_QUOTED_PATH: Final = re.compile(r"'[^']*[/\\][^']*'")
_PLACE: Final = re.compile(r"(?<![\w.:])(?:[A-Za-z][A-Za-z0-9+.-]*://|/|[A-Za-z]:\\)[^\s'\",;]+")
_LONGEST: Final = 400
_ELSEWHERE: Final = "(named in the log)"


def public_reason(error: Exception) -> str:
    """`error` in one sentence that may be shown to anybody; the log has the rest."""
    if not isinstance(error, VouchError):
        return f"It failed unexpectedly ({type(error).__name__}); the log says where."
    text = error.message
    if isinstance(error, RegistryUnreachable):
        text = text.partition(": ")[0]  # what follows the colon is MLflow's or the database's own
    text = _PLACE.sub(_ELSEWHERE, _QUOTED_PATH.sub(_ELSEWHERE, " ".join(text.split())))
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    return text if text.endswith(".") else f"{text}."
