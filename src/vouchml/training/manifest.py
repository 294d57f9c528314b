"""`run_manifest.json`: all that is needed to run a training again, and to see whether it came out the same.

```python
settings = settings_from_manifest(Path("run_manifest.json"), root=Path.cwd())
```
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

import vouchml
from vouchml.canonical_json import canonical_json
from vouchml.data import Split, Table
from vouchml.errors import SettingsInvalid
from vouchml.model import Contract
from vouchml.settings import Settings
from vouchml.training.environment import Environment
from vouchml.training.evaluation import Evaluation
from vouchml.training.parity import Parity

FORMAT: Final = "vouchml-run-manifest-v1"
# Where a run is kept changes nothing about its result, and may hold credentials.
NOT_IN_MANIFEST: Final = {"project": {"tracking_uri", "artifacts"}, "serving": True}


def build_manifest(
    *,
    settings: Settings,
    table: Table,
    split: Split,
    environment: Environment,
    contract: Contract,
    evaluation: Evaluation,
    parity: Parity,
    warnings: tuple[str, ...],
    run_id: str,
) -> dict[str, Any]:
    """The manifest of one run, as JSON has it."""
    return {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "vouchml": vouchml.__version__,
        "run_id": run_id,
        "training_sha256": training_digest(settings, data_sha256=table.bytes_sha256, environment=environment),
        "settings": settings.model_dump(mode="json", exclude=NOT_IN_MANIFEST),  # type: ignore[arg-type]
        "data": {
            "path": settings.data.path,
            "bytes_sha256": table.bytes_sha256,
            "content_sha256": table.content_sha256,
            **table.report.to_json(),
        },
        "split": {
            "train_rows": len(split.train),
            "test_rows": len(split.test),
            "train_rows_sha256": split.train_rows_sha256,
            "test_rows_sha256": split.test_rows_sha256,
        },
        "contract_sha256": hashlib.sha256(contract.to_bytes()).hexdigest(),
        "evaluation": evaluation.to_dict(),
        "parity": parity.to_dict(),
        "warnings": list(warnings),
        "environment": environment.to_dict(),
    }


def training_digest(settings: Settings, *, data_sha256: str, environment: Environment) -> str:
    """One digest of all that a training depends on: the data, the settings, the lock and the libraries."""
    parts = {
        "data_sha256": data_sha256,
        "settings": settings.model_dump(mode="json", include={"data", "model", "training"}),
        "lock_sha256": environment.lock_sha256,
        "python": environment.python,
        "libraries": dict(environment.libraries),
    }
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def settings_from_manifest(path: Path, *, root: Path, base: Settings | None = None) -> tuple[Settings, str]:
    """The settings of the run that `path` describes, with relative paths from `root`, and the data's SHA-256.

    `base` says where MLflow is; without it, the default beside `root`.

    Raises:
        SettingsInvalid: the file is not a run manifest.
    """
    try:
        manifest = json.loads(path.read_bytes())
        if manifest["format"] != FORMAT:
            raise SettingsInvalid(f"{path} is not a {FORMAT}.", remedy="Give the run_manifest.json of a run.")
        recorded: Mapping[str, Any] = manifest["settings"]
        project = dict(recorded["project"])
        if base is not None:
            project |= {"tracking_uri": base.project.tracking_uri, "artifacts": base.project.artifacts}
        values = {**recorded, "project": project, "root": root.resolve()}
        return Settings.model_validate(values), str(manifest["data"]["bytes_sha256"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise SettingsInvalid(
            f"{path} cannot be read as a run manifest.", remedy="Give the run_manifest.json of a run."
        ) from error
