"""The process that loads a version for the first time: `python -m` this, what to load on standard input.

It writes one line of JSON when the version is refused, and nothing when it could be loaded. It ends when the watcher
does, and in any case when its time is over: by a signal of the kernel, which needs no turn of the interpreter.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

MESSAGE_CHARACTERS = 1000
LESS_URGENT = 10
_GRACE_SECONDS = 5


def main() -> None:
    """Load what the first line describes, and say what is wrong with it."""
    os.nice(LESS_URGENT)  # than the answers of the workers, which may have this core alone
    described = json.loads(sys.stdin.buffer.readline())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(math.ceil(described["seconds"]) + _GRACE_SECONDS)
    threading.Thread(target=_end_with_starter, name="vouchml-end-with-starter", daemon=True).start()
    with _report() as report:
        report.write(_refusal(described))
    # What a library has left running must not hold up the end.
    os._exit(0)


def _refusal(described: dict[str, Any]) -> str:
    """What is wrong with the version, as JSON; empty when it could be loaded."""
    from vouchml.errors import BundleInvalid, DependencyMissing
    from vouchml.model import open_bundle
    from vouchml.serving.following.admitting import Admitted
    from vouchml.serving.following.served_model import load_served_model
    from vouchml.serving.following.state import Assignment

    try:
        bundle = open_bundle(Path(described["folder"]))
        assignment = Assignment.model_validate(described["assignment"])
        load_served_model(bundle, assignment, Admitted(None), stage=described["stage"], max_rows=1)
    except (BundleInvalid, DependencyMissing) as error:
        return json.dumps(
            {
                "code": DependencyMissing.code if isinstance(error, DependencyMissing) else BundleInvalid.code,
                "message": error.message[:MESSAGE_CHARACTERS],
                "remedy": error.remedy[:MESSAGE_CHARACTERS],
            }
        )
    return ""


def _report() -> Any:
    """The real standard output; what libraries print goes to standard error, with the rest of the log."""
    report = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    return report


def _end_with_starter() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
