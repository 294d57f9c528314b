"""Write the artifacts of a run into a folder, as MLflow will show them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vouchml.canonical_json import canonical_json
from vouchml.model import Contract
from vouchml.training.classification_report import report_dict, report_text
from vouchml.training.environment import Environment
from vouchml.training.evaluation import Evaluation
from vouchml.training.manifest import MANIFEST_FILE
from vouchml.training.metrics import Bools, Floats
from vouchml.training.parity import Parity
from vouchml.training.plots import write_plots


def write_artifacts(
    folder: Path,
    *,
    manifest: Mapping[str, Any],
    contract: Contract,
    evaluation: Evaluation,
    parity: Parity,
    environment: Environment,
    y_true: Bools,
    p: Floats,
) -> None:
    """Write everything but the model: the manifest, the plots, the reports and the environment."""
    labels, positive, threshold = evaluation.labels, evaluation.positive_class, evaluation.threshold
    report = report_dict(y_true, p, labels=labels, positive_class=positive, threshold=threshold)
    text = report_text(y_true, p, labels=labels, positive_class=positive, threshold=threshold)
    (folder / MANIFEST_FILE).write_bytes(canonical_json(manifest))
    (folder / "contract.json").write_bytes(contract.to_bytes())
    (folder / "evaluation.json").write_bytes(canonical_json(evaluation.to_dict()))
    (folder / "parity.json").write_bytes(canonical_json(parity.to_dict()))
    (folder / "classification_report.json").write_bytes(canonical_json(report))
    (folder / "classification_report.txt").write_text(text, encoding="utf-8")
    (folder / "environment.txt").write_text(environment.as_text(), encoding="utf-8")
    write_plots(folder, y_true, p, evaluation)
