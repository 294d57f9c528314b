"""Contracts made by hand, and the files of a version trained on the shipped data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vouchml.errors import BundleInvalid
from vouchml.model import Bundle, Contract, Feature, LabelledClass, load_scorer, open_bundle
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings
from vouchml.training import TrainedVersion

MakeContract = Callable[..., Contract]
Refused = Callable[[Path, Contract, str], None]


@pytest.fixture(scope="session")
def make_contract() -> MakeContract:
    """Make a contract: `make_contract("age", "dose", threshold=0.3)`."""

    def make(*names: str, **changes: Any) -> Contract:
        fields: dict[str, Any] = {
            "features": tuple(Feature(name=name, minimum=-1.5, maximum=2.0) for name in names),
            "target": "outcome",
            "classes": (LabelledClass(value=0, label="no"), LabelledClass(value=1, label="yes")),
            "positive_class": "yes",
            "threshold": 0.5,
            "scorer": "onnx",
            "estimator": "logistic_regression",
            "data_sha256": "0" * 64,
            "data_content_sha256": "1" * 64,
        }
        return Contract(**fields | changes)

    return make


@pytest.fixture(scope="session")
def bundle(trained: tuple[Settings, TrainedVersion], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The version that was trained on the shipped data, fetched from MLflow."""
    settings, result = trained
    assert result.version is not None
    folder: Path = tmp_path_factory.mktemp("bundle")
    ModelRegistry.connect(settings.tracking_uri).fetch(result.version, folder)
    return open_bundle(folder)


@pytest.fixture(scope="session")
def refused() -> Refused:
    """See that the files of a folder are refused, in words that match, and name no folder."""

    def see(folder: Path, contract: Contract, words: str) -> None:
        with pytest.raises(BundleInvalid, match=words) as caught:
            load_scorer(Bundle(folder=folder, digest="0" * 64, contract=contract))
        assert "\n" not in caught.value.message
        assert str(folder) not in caught.value.diagnostics()
        assert caught.value.remedy

    return see
