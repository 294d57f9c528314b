"""Which workers belong together: the run of a service, from its start to its end.

The process that starts the workers makes the name of the run and hands it on in the environment:

```python
environment[RUN_VARIABLE] = new_run()
```
"""

from __future__ import annotations

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
    """The run that `environment` names; a new one for a worker that was started by itself.

    Raises:
        SettingsInvalid: the variable is set to something that is not the name of a run.
    """
    run = environment.get(RUN_VARIABLE) or new_run()
    if not is_run(run):
        raise SettingsInvalid(
            f"The environment variable {RUN_VARIABLE} is not the name of a run.",
            remedy="Unset it; the process that starts the workers sets it.",
        )
    return run
