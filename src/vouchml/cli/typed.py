"""Commands that a person is told to type next, in a form that their shell finds.

Without an activated environment `vouch` is not on the PATH; `make up` runs it as `.venv/bin/vouch`, so that is told.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

#: What can stand after `vouch`. A text may say the word without meaning a command.
VERBS: Final = (
    "approve",
    "audit",
    "break-glass",
    "diff",
    "doctor",
    "gate",
    "init",
    "keys",
    "ledger",
    "outcome",
    "pack",
    "predict",
    "promote",
    "receipt",
    "registry",
    "replay",
    "reproduce",
    "revoke",
    "serve",
    "sign",
    "trace",
    "train",
    "up",
    "verify-pack",
    "verify-receipt",
)
_COMMAND: Final = re.compile(rf"(?<![\w./-])vouch (?=(?:{'|'.join(VERBS)})\b)")


def as_typed(text: str, *, config: Path | None = None) -> str:
    """`text` with each command in it, such as `vouch trace ID`, as it can be typed here.

    `config` are the settings that were named on the command line, which a single command in `text` then names too.
    """
    named = f" --config {_quoted(config)}" if config is not None else ""
    program = _program()
    return (text if program == "vouch" else _COMMAND.sub(lambda _: f"{program} ", text)) + named


def _program() -> str:
    """`vouch` where the shell finds this installation by that name, else the way to it."""
    import shutil  # here, because `vouch --help` does without them
    import sysconfig

    own = Path(sysconfig.get_path("scripts"), "vouch")
    found = shutil.which("vouch")
    if not own.exists() or (found is not None and Path(found).resolve() == own.resolve()):
        return "vouch"
    here = Path.cwd()
    return _quoted(own.relative_to(here) if own.is_relative_to(here) else own)


def _quoted(path: Path) -> str:
    from shlex import quote

    return quote(str(path))
