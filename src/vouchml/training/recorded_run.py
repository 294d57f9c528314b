"""Read a `run_manifest.json` back: the settings to run with, and what the run was.

```python
recorded = read_manifest(Path("run_manifest.json"), root=Path.cwd())
recorded.settings, recorded.manifest["evaluation"]
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vouchml.errors import SettingsInvalid
from vouchml.settings import ENVIRONMENT_PREFIX, Settings, settings_from
from vouchml.training.manifest import FORMAT

_REMEDY: Final = "Give the run_manifest.json of a run."
# The table may lie elsewhere: its digest says whether it is the one.
_MAY_DIFFER: Final = frozenset({("data", "path")})


@dataclass(frozen=True)
class RecordedRun:
    """A run as its manifest tells it, and the settings to run it again with."""

    run_id: str
    data_sha256: str
    feature_names: tuple[str, ...]
    manifest: Mapping[str, Any]
    settings: Settings


def read_manifest(path: Path, *, root: Path, base: Settings | None = None) -> RecordedRun:
    """Read the manifest at `path`; relative paths start at `root`.

    A manifest does not say where MLflow is: `base` does, else the environment, else it is beside `root`.

    Raises:
        SettingsInvalid: the file is not a run manifest, or the environment sets another value than it records.
    """
    manifest = _document(path)
    try:
        run_id, data = str(manifest["run_id"]), manifest["data"]
        data_sha256, names = str(data["bytes_sha256"]), tuple(str(column["name"]) for column in data["ranges"])
        recorded = manifest["settings"]
        project, model = dict(recorded["project"]), dict(recorded["model"])
        floats = {str(name): float(text) for name, text in manifest["exact_floats"].items()}
        model["parameters"] = {**model["parameters"], **floats}
        values = {**recorded, "model": model}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsInvalid(f"{path} is not complete as a run manifest.", remedy=_REMEDY) from error
    if base is not None:
        project |= {"tracking_uri": base.project.tracking_uri, "artifacts": base.project.artifacts}
    settings = settings_from({**values, "project": project}, file=path.name, root=root.resolve())
    _refuse_other_values(settings, values, path.name)
    return RecordedRun(
        run_id=run_id, data_sha256=data_sha256, feature_names=names, manifest=manifest, settings=settings
    )


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise SettingsInvalid(f"{path} cannot be read: {reason}.", remedy=_REMEDY) from error
    except (ValueError, RecursionError) as error:
        raise SettingsInvalid(f"{path} is not JSON.", remedy=_REMEDY) from error
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise SettingsInvalid(f"{path} is not a {FORMAT}.", remedy=_REMEDY)
    return document


def _refuse_other_values(settings: Settings, recorded: Mapping[str, Any], file: str) -> None:
    """The environment wins over a file of settings; over a record it must not."""
    in_force = settings.model_dump(mode="json", include={"data", "model", "training"})
    for section, values in in_force.items():
        for key, value in recorded.get(section, {}).items():
            if (section, key) not in _MAY_DIFFER and values[key] != value:
                raise SettingsInvalid(
                    f"The environment sets [{section}] {key} to another value than {file} records.",
                    remedy=f"Unset {ENVIRONMENT_PREFIX}{section.upper()}__{key.upper()}.",
                )
