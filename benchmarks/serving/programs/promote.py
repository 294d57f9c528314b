"""Promote the versions that are named on standard input, one a line: `python -m …programs.promote VOUCH_TOML`.

It stays, so that a move costs what MLflow costs and not the import of MLflow beside it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from vouchml.registry import ModelRegistry
from vouchml.settings import load_settings


def main() -> None:
    """Say `ready`, then `done` after each move."""
    os.nice(10)
    settings = load_settings(Path(sys.argv[1]))
    registry = ModelRegistry.connect(settings.tracking_uri)
    name, stage = settings.project.registered_model, settings.project.stage
    registry.pointer(name, stage)
    print("ready", flush=True)
    for line in sys.stdin:
        registry.promote(name, line.strip(), stage=stage, who="benchmarks", why="to measure a switch")
        print("done", flush=True)


if __name__ == "__main__":
    main()
