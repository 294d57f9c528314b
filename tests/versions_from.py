"""More versions of a trained project: the files of one that is there, with a run whose manifest says something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vouchml.canonical_json import canonical_json
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings

MANIFEST = "run_manifest.json"
Change = Callable[[dict[str, Any]], object]


def with_manifest(settings: Settings, how: Change, *, of: str = "1") -> str:
    """Register the files of the version `of` once more, with its manifest changed; the number of the new version."""
    registry = ModelRegistry.connect(settings.tracking_uri)
    version = registry.version(settings.project.registered_model, of)
    client = registry.client
    experiment = client.get_experiment_by_name("changed")
    place = (settings.root / "changed").as_uri()
    number = experiment.experiment_id if experiment else client.create_experiment("changed", artifact_location=place)
    run = client.create_run(number)
    with TemporaryDirectory() as name:
        folder = Path(name)
        registry.fetch_run_files(version, [MANIFEST], folder)
        manifest = json.loads((folder / MANIFEST).read_bytes())
        how(manifest)
        (folder / MANIFEST).write_bytes(canonical_json(manifest))
        client.log_artifact(run.info.run_id, str(folder / MANIFEST))
    return str(registry.register(version.name, source=version.source, run_id=run.info.run_id).number)


def strength(value: float) -> Change:
    """Another C."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["settings"]["model"]["parameters"]["C"] = value
        manifest["exact_floats"]["C"] = repr(value)

    return change
