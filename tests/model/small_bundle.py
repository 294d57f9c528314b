"""A bundle as small as the test needs: a contract, and the files that are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vouchml.model import Bundle, Contract, Feature, LabelledClass, open_bundle


def small_contract(features: int | tuple[Feature, ...], **changes: Any) -> Contract:
    if isinstance(features, int):
        features = tuple(Feature(name=f"feature {index}", minimum=-1.0, maximum=1.0) for index in range(features))
    settings: dict[str, Any] = {
        "features": features,
        "target": "target",
        "classes": (LabelledClass(value=0, label="no"), LabelledClass(value=1, label="yes")),
        "positive_class": "yes",
        "threshold": 0.5,
        "scorer": "affine",
        "estimator": "logistic_regression",
        "data_sha256": "0" * 64,
        "data_content_sha256": "0" * 64,
    }
    return Contract(**{**settings, **changes})


def small_bundle(folder: Path, contract: Contract, files: Mapping[str, bytes]) -> Bundle:
    for name, content in {**files, "contract.json": contract.to_bytes()}.items():
        (folder / name).write_bytes(content)
    return open_bundle(folder)
