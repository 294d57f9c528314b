"""Train two versions with vouchml, promote the first, and write down what the contenders and the checks need.

Run as `python -m benchmarks.serving.programs.train_and_export VOUCH_TOML TARGET_JSON`. It is a process of its own
because MLflow writes its addresses into the environment.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from vouchml.data import read_table
from vouchml.model import open_bundle
from vouchml.model.scorers.sklearn import SklearnScorer
from vouchml.project.deciding import decide
from vouchml.project.signing import sign_version
from vouchml.registry import ModelRegistry
from vouchml.settings import ModelSettings, Settings, TrainingSettings, load_settings
from vouchml.training import train
from vouchml.trust.key_ring import KeyRing

STRENGTHS = (1.0, 0.01)


def main() -> None:
    """Train, sign, gate, promote and export."""
    config, target = (Path(argument) for argument in sys.argv[1:])
    settings = load_settings(config)
    rows = read_table(settings.data_path, settings.data).values
    # The intervals of the evaluation are not what is measured here.
    training = TrainingSettings(cv_folds=2, bootstrap_resamples=100)
    KeyRing(settings.signing_keys_folder, settings.trust_store_path).add_development_keys()
    versions = []
    for strength in STRENGTHS:
        model = ModelSettings(parameters={"C": strength, "max_iter": 1000})
        trained = train(settings.model_copy(update={"model": model, "training": training}))
        assert trained.version is not None
        sign_version(settings, trained.version, trained=trained.manifest)
        number = str(trained.version.number)
        decide(settings, number)
        versions.append(_export(settings, number, rows))
    ModelRegistry.connect(settings.tracking_uri).promote(
        settings.project.registered_model, "1", stage=settings.project.stage, who="benchmarks", why="to be measured"
    )
    document = {
        "registered_model": settings.project.registered_model,
        "stage": settings.project.stage,
        "tracking_uri": settings.tracking_uri,
        "rows": rows.tolist(),
        "versions": versions,
    }
    target.write_text(json.dumps(document), encoding="utf-8")


def _export(settings: Settings, number: str, rows: Any) -> dict[str, Any]:
    """The version as coefficients, and its answers by scikit-learn itself, the truth that all are checked against."""
    registry = ModelRegistry.connect(settings.tracking_uri)
    version = registry.version(settings.project.registered_model, number)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "files"
        folder.mkdir()
        registry.fetch(version, folder)
        bundle = open_bundle(folder)
        contract = bundle.contract
        scorer = SklearnScorer.load(bundle)
    assert isinstance(scorer, SklearnScorer)
    scale, classify = scorer.pipeline["scale"], scorer.pipeline["classify"]
    return {
        "number": number,
        "run_id": version.run_id,
        "names": list(contract.feature_names),
        "classes": [entry.value for entry in contract.classes],
        "labels": [entry.label for entry in contract.classes],
        "positive_index": contract.positive_index,
        "threshold": contract.threshold,
        "mean": scale.mean_.tolist(),
        "scale": scale.scale_.tolist(),
        "coefficients": classify.coef_[0].tolist(),
        "intercept": float(classify.intercept_[0]),
        "probabilities": scorer.positive_probability(rows).tolist(),
    }


if __name__ == "__main__":
    main()
