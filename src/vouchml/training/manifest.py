"""`run_manifest.json`: all that is needed to run a training again, and to see whether it came out the same.

The manifest is canonical JSON, which has one kind of number: it says `1` for 1.0 and has no infinity. scikit-learn
tells 1 (one feature) from 1.0 (all of them), so `exact_floats` gives such parameters once more, as text.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

import vouchml
from vouchml.canonical_json import canonical_json
from vouchml.data import Split, Table
from vouchml.model import Contract
from vouchml.settings import Settings
from vouchml.training.environment import Environment
from vouchml.training.evaluation import Evaluation
from vouchml.training.metrics import Floats
from vouchml.training.parity import Parity

MANIFEST_FILE: Final = "run_manifest.json"
FORMAT: Final = "vouchml-run-manifest-v1"
# Where a run is kept, and what it is judged by later, changes nothing about its result; addresses may hold credentials.
NOT_IN_MANIFEST: Final = {
    "project": {"tracking_uri", "artifacts"},
    **dict.fromkeys(("serving", "ledger", "policy", "trust"), True),
}


def build_manifest(
    *,
    settings: Settings,
    table: Table,
    split: Split,
    environment: Environment,
    contract: Contract,
    evaluation: Evaluation,
    test_probabilities: Floats,
    parity: Parity,
    warnings: tuple[str, ...],
) -> dict[str, Any]:
    """The manifest of one training, as JSON has it; the id of its run is not known yet."""
    return {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "vouchml": vouchml.__version__,
        "training_sha256": training_digest(settings, data_sha256=table.bytes_sha256, environment=environment),
        "settings": settings.model_dump(mode="json", exclude=NOT_IN_MANIFEST),  # type: ignore[arg-type]
        "exact_floats": exact_floats(settings.model.parameters),
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
        "test_probabilities_sha256": probabilities_digest(test_probabilities),
        "parity": parity.to_dict(),
        "warnings": list(warnings),
        "environment": environment.to_dict(),
    }


def training_digest(settings: Settings, *, data_sha256: str, environment: Environment) -> str:
    """One digest of all that a training depends on: the data, the settings, the lock and the libraries."""
    parts = {
        "data_sha256": data_sha256,
        "settings": settings.model_dump(mode="json", include={"data", "model", "training"}),
        "exact_floats": exact_floats(settings.model.parameters),
        "lock_sha256": environment.lock_sha256,
        "python": environment.python,
        "libraries": dict(environment.libraries),
    }
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def exact_floats(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that JSON would not give back as the floats that they are, as Python writes them."""
    return {
        name: repr(value)
        for name, value in parameters.items()
        if isinstance(value, float) and (value.is_integer() or not math.isfinite(value))
    }


def probabilities_digest(p: Floats) -> str:
    """The SHA-256 over probabilities of the positive class, in order, as little-endian float64."""
    return hashlib.sha256(np.ascontiguousarray(p, dtype="<f8").tobytes()).hexdigest()
