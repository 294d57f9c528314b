"""Resolve pyproject.toml into `requirements/`: versions and hashes for every supported Python, and no index URLs.

`dev.lock` holds everything; the others are cut from the same resolution, so that all of them agree.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
EXTRAS = {
    "dev.lock": ("train", "serve", "trees", "parquet", "explain", "otel", "dev"),
    "trainer.lock": ("train",),
    "api.lock": ("serve",),
}


def main() -> None:
    """Write every lock anew."""
    REQUIREMENTS.mkdir(exist_ok=True)
    everything = REQUIREMENTS / "dev.lock"
    everything.unlink(missing_ok=True)
    for name, extras in EXTRAS.items():
        options = [f"--extra={extra}" for extra in extras]
        if name != "dev.lock":
            options += ["--constraint", str(everything)]
        resolve(Path("pyproject.toml"), REQUIREMENTS / name, options)
    build = REQUIREMENTS / "build.in"
    build.write_text("hatchling\neditables\n", encoding="utf-8")
    resolve(build.relative_to(ROOT), REQUIREMENTS / "build.lock", ["--constraint", str(everything)])
    build.unlink()
    write_constraints(everything, REQUIREMENTS / "constraints.txt")


def resolve(source: Path, target: Path, options: list[str]) -> None:
    """Resolve `source` into `target` with uv, for Python 3.11 to 3.13 on every platform."""
    command = [
        str(Path(sys.executable).with_name("uv")),
        "pip",
        "compile",
        *options,
        "--universal",
        "--python-version=3.11",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
        "--no-annotate",
        "--quiet",
        f"--output-file={target}",
        str(source),
    ]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "UV_NO_CONFIG": "1"})
    print(f"wrote {target.relative_to(ROOT)}")


def write_constraints(lock: Path, target: Path) -> None:
    """Write the versions of `lock` without hashes, for `pip install -r` with our own editable package beside it."""
    pinned = [line.removesuffix("\\").strip() for line in lock.read_text().splitlines() if re.match(r"^[a-z0-9]", line)]
    target.write_text("\n".join(["# The versions of dev.lock. Written by `make lock`.", *pinned, ""]), encoding="utf-8")
    print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
