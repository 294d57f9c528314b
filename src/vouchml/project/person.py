"""Who is at the keyboard, for the history of promotions."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path


def person_at(folder: Path) -> str:
    """Git's user.name as it holds in `folder`, else the name of the user of this machine."""
    try:
        answer = subprocess.run(
            ["git", "config", "--get", "user.name"],  # noqa: S607 - the user's own git
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return _login()
    return answer.stdout.strip() or _login()


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in some containers
        return "unknown"
