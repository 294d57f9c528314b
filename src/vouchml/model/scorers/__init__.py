"""The scorers: what turns rows into probabilities. The contract of a model names the one that serves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from vouchml.errors import DependencyMissing
from vouchml.model.bundle import Bundle
from vouchml.model.scorers.affine import AffineScorer
from vouchml.model.scorers.base import Scorer
from vouchml.model.scorers.expanded import ExpandedScorer
from vouchml.model.scorers.onnx import OnnxScorer
from vouchml.model.scorers.sklearn import SklearnScorer

SCORERS: Final[Mapping[str, Callable[[Bundle], Scorer]]] = {
    "affine": AffineScorer.load,
    "onnx": OnnxScorer.load,
    "sklearn": SklearnScorer.load,
}


def load_scorer(bundle: Bundle) -> Scorer:
    """Load the scorer that the contract of `bundle` names.

    Raises:
        BundleInvalid: a file is missing or is not a model that fits the contract.
        DependencyMissing: the scorer needs a package that is not installed.
    """
    try:
        return SCORERS[bundle.contract.scorer](bundle)
    except ImportError as error:
        raise DependencyMissing(
            f"This version is scored by {bundle.contract.scorer}, and {error.name} is not installed.",
            remedy="pip install 'vouchml[serve,trees]'",
        ) from error


__all__ = ["SCORERS", "AffineScorer", "ExpandedScorer", "OnnxScorer", "Scorer", "SklearnScorer", "load_scorer"]
