"""Which workers belong together: the run of a service, from its start to its end.

The process that starts the workers may make the name of the run, and hand it on in the environment:

```python
environment[RUN_VARIABLE] = new_run()
```

Where it knows nothing of us, as `uvicorn --workers 2` does not, workers find the name in what only they have in common.
"""

from __future__ import annotations

import hmac
import multiprocessing
import re
import secrets
from collections.abc import Mapping
from typing import Final

from vouchml.errors import SettingsInvalid

# Not one of the `VOUCH_*` variables, which are all settings.
RUN_VARIABLE: Final = "VOUCHML_SERVICE_RUN"
_RUN: Final = re.compile(r"[0-9A-Za-z]{1,64}\Z")


def new_run() -> str:
    """A name for the run that begins now."""
    return secrets.token_hex(8)


def is_run(text: str) -> bool:
    """Whether `text` can be the name of a run; it becomes part of the names of files."""
    return _RUN.match(text) is not None


def service_run(environment: Mapping[str, str]) -> str:
    """The run that `environment` names, else that of all workers of one parent; a new one for a worker without.

    Raises:
        SettingsInvalid: the variable is set to something that is not the name of a run.
    """
    run = environment.get(RUN_VARIABLE) or _run_of_parent() or new_run()
    if not is_run(run):
        raise SettingsInvalid(
            f"The environment variable {RUN_VARIABLE} is not the name of a run.",
            remedy="Unset it; the process that starts the workers sets it.",
        )
    return run


def _run_of_parent() -> str:
    """One name for all processes that one parent starts with `multiprocessing`, as uvicorn does; else nothing."""
    if multiprocessing.parent_process() is None:
        return ""
    # A secret that the parent has drawn at random and gives to each of its children, also to one that it starts anew.
    secret = bytes(multiprocessing.current_process().authkey)
    return hmac.digest(secret, b"the run of a vouchml service", "sha256").hex()[:16]
