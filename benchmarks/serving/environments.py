"""One virtual environment a peer, made once under the cache and kept until its pinned packages change."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.serving.contenders import Contender
from benchmarks.serving.results import NotMeasured

STAMP = "installed.txt"
INSTALL_WITHIN_SECONDS = 1800


def python_of(contender: Contender, cache: Path) -> Path:
    """The Python that runs the contender; its environment is made if it is not there.

    Raises:
        NotMeasured: the environment cannot be made, or a package does not install.
    """
    if not contender.requirements:
        return Path(sys.executable)
    folder = cache / slug(contender.name)
    python = folder / "bin" / "python"
    wanted = "\n".join((platform.python_version(), *contender.requirements, ""))
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)], "no environment")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*install, *contender.requirements], "does not install")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def slug(name: str) -> str:
    """The name as a folder is called."""
    return "-".join(name.lower().replace("+", " ").split())


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_WITHIN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"{what} within {INSTALL_WITHIN_SECONDS} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        last = (errors or done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotMeasured(f"{what} on Python {platform.python_version()}: {last.removeprefix('ERROR: ')}")
