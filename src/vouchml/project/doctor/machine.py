"""Checks of the machine: Python, the packages, the disk and the clock."""

from __future__ import annotations

import platform
import re
import shutil
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from vouchml.project.doctor.finding import Finding, ok, problem, warning

OLDEST_PYTHON, NEXT_PYTHON = (3, 11), (3, 14)
LITTLE_DISK, NO_DISK = 1024**3, 100 * 1024**2
EXTRAS = {"train": "vouch train", "serve": "vouch serve"}
_TOLD = ("mlflow", "mlflow-skinny", "scikit-learn", "pandas", "onnxruntime", "fastapi", "uvicorn")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*([^;]*)(?:;(.*))?$")


def python_version() -> Finding:
    """Whether this Python is one that vouchml runs on."""
    found = f"{platform.python_version()} in {sys.prefix}"
    if OLDEST_PYTHON <= sys.version_info[:2] < NEXT_PYTHON:
        return ok("Python", found)
    return problem("Python", found, "Make the environment with Python 3.11, 3.12 or 3.13.")


def packages(extra: str) -> Finding:
    """Whether what `vouchml[extra]` needs is installed, at versions that it takes."""
    check = f"Packages for {EXTRAS[extra]}"
    fix = f"pip install 'vouchml[{extra}]'"
    try:
        declared = metadata.requires("vouchml") or []
    except metadata.PackageNotFoundError:
        return problem(check, "vouchml itself is not installed, only its source is there", "pip install -e .")
    wanted = [(name, accepted) for line in declared for name, accepted in _of_extra(line, extra)]
    installed = {name: _installed(name) for name, _ in wanted}
    missing = [name for name, version in installed.items() if version is None]
    if missing:
        # Nobody has to install both: the service runs without the trainer's packages, and the other way about.
        return warning(check, f"not installed: {', '.join(missing)}", f"Only if you need it here: {fix}")
    unfit = [
        f"{name} {installed[name]} (wants {accepted})"
        for name, accepted in wanted
        if not _fits(installed[name] or "", accepted)
    ]
    if unfit:
        return problem(check, f"wrong versions: {', '.join(unfit)}", fix)
    told = ", ".join(f"{name} {version}" for name, version in installed.items() if name in _TOLD)
    return ok(check, f"{len(installed)} installed, among them {told}")


def disk_space(folder: Path) -> Finding:
    """Whether there is room for models and the database."""
    free = shutil.disk_usage(folder).free
    found = f"{free / 1024**3:.1f} GiB free at {folder}"
    if free < NO_DISK:
        return problem("Disk", found, "Free some space: each version takes a few MiB, its database more.")
    if free < LITTLE_DISK:
        return warning("Disk", found, "Free some space soon.")
    return ok("Disk", found)


def clock(folder: Path) -> Finding:
    """Whether the clock is not behind what it has stamped already."""
    now = time.time()
    # Files of a checkout may carry any date; those that MLflow and vouchml write carry the clock's.
    files = [path for path in (folder / "mlflow.db", folder / ".vouch") if path.exists()]
    newest = max((path.stat().st_mtime for path in files), default=now)
    found = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if newest > now + 60:
        return warning("Clock", f"{found}, but files here are {newest - now:.0f} s newer", "Set the clock (NTP).")
    return ok("Clock", found)


def _of_extra(line: str, extra: str) -> list[tuple[str, str]]:
    """The name and accepted versions of a requirement, if it belongs to `extra` (or to all) on this platform."""
    match = _REQUIREMENT.match(line)
    if match is None:
        return []
    name, accepted, marker = match[1], match[2].strip(), match[3] or ""
    of = re.search(r"extra == ['\"]([^'\"]+)['\"]", marker)
    here = "platform_system != 'Windows'" not in marker.replace('"', "'") or platform.system() != "Windows"
    return [(name, accepted)] if here and (of is None or of[1] == extra) else []


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _fits(version: str, accepted: str) -> bool:
    """Whether a version meets `>=` and `<` bounds, by the numbers at its beginning."""
    for bound in filter(None, (part.strip() for part in accepted.split(","))):
        operator, limit = re.match(r"(>=|<|==|>|<=|~=|!=)?\s*(.*)", bound).groups()  # type: ignore[union-attr]
        if operator == ">=" and _numbers(version) < _numbers(limit):
            return False
        if operator == "<" and _numbers(version) >= _numbers(limit):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in release[0].split(".")] if release else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
