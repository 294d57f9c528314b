"""A version of categories and gaps is measured and compared as any other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest
from tests.mixed_tables import CATEGORICAL, FEATURES, make_project

from vouchml.data import read_table
from vouchml.governance.judged_rows import Manifest, parse_manifest
from vouchml.governance.measurements import measure
from vouchml.governance.robustness import measure_robustness
from vouchml.model import Bundle, load_scorer, open_bundle
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings, load_settings
from vouchml.training import train


@dataclass(frozen=True)
class Version:
    """A version of the mixed table and what its run recorded."""

    settings: Settings
    bundle: Bundle
    manifest: Manifest


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """A logistic regression, trained once."""
    folder: Path = tmp_path_factory.mktemp("mixed")
    settings = load_settings(make_project(folder))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
        environment.setenv("MLFLOW_REGISTRY_URI", settings.tracking_uri)
        trained = train(settings)
        assert trained.version is not None
        files = folder / "version"
        files.mkdir()
        ModelRegistry.connect(settings.tracking_uri).fetch(trained.version, files)
        client = mlflow.MlflowClient(settings.tracking_uri)
        manifest = client.download_artifacts(trained.run_id, "run_manifest.json", str(folder))
        content = Path(manifest).read_bytes()
    return Version(settings, open_bundle(files), parse_manifest(content, of="version 1"))


def test_its_test_rows_are_found_and_its_figures_are_those_of_the_run(version: Version) -> None:
    measured = measure(version.settings, version.bundle, version.manifest, of="version 1")
    assert {name: measured.tests[name] for name in ("leakage", "golden_rows", "parity", "metrics")} == {
        "leakage": "passed",
        "golden_rows": "passed",
        "parity": "passed",
        "metrics": "passed",
    }
    assert {each["feature"] for each in measured.figures["robustness"]["missing"]} == set(FEATURES)


def test_noise_moves_numbers_and_leaves_categories_and_nulls_alone(version: Version) -> None:
    table = read_table(version.settings.data_path, version.settings.data)
    categories = [FEATURES.index(name) for name in CATEGORICAL]
    scorer = load_scorer(version.bundle)
    asked: list[np.ndarray] = []

    class Listening:
        """The scorer, and the rows that it was asked about."""

        def positive_probability(self, rows: np.ndarray) -> np.ndarray:
            asked.append(rows)
            return scorer.positive_probability(rows)

        def positive_probability_of_one(self, row: np.ndarray) -> float:
            return scorer.positive_probability_of_one(row)

    measure_robustness(
        Listening(),
        table.values[:40],
        table.values[40:],
        table.targets[:40] == "ill",
        names=FEATURES,
        threshold=0.5,
        random_state=1,
        categories=categories,
    )
    first, noisy, filled = asked[0], asked[1:21], asked[21:]
    for rows in noisy:
        assert np.array_equal(rows[:, categories], first[:, categories], equal_nan=True)
        assert np.array_equal(np.isnan(rows), np.isnan(first))
        assert (rows[:, 0] != first[:, 0]).all()
    for place, rows in enumerate(filled):
        assert len(set(rows[:, place].tolist())) == 1
        assert not np.isnan(rows[:, place]).any()
        if place in categories:
            assert float(rows[0, place]).is_integer()
