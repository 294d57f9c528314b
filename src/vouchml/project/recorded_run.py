"""The recorded run that `vouch train --from-manifest` runs again, in a project or in an empty folder."""

from __future__ import annotations

from pathlib import Path

from vouchml.settings import SETTINGS_FILE, load_settings
from vouchml.training.recorded_run import RecordedRun, read_manifest


def recorded_run(manifest: Path, settings_file: Path) -> RecordedRun:
    """Read `manifest`; in a project, MLflow's place and the folder that paths start from are the project's.

    A manifest is enough by itself: without a `vouch.toml` here, paths start here.

    Raises:
        SettingsInvalid: the manifest or the settings cannot be used.
    """
    if settings_file == Path(SETTINGS_FILE) and not settings_file.exists():
        return read_manifest(manifest, root=Path.cwd())
    project = load_settings(settings_file)
    return read_manifest(manifest, root=project.root, base=project)
