"""The estimators that `vouch train` can fit, by name."""

from vouchml.training.estimators.base import Estimator
from vouchml.training.estimators.fitting import fit
from vouchml.training.estimators.pipeline import build_pipeline, settable_parameters
from vouchml.training.estimators.table import ESTIMATORS, find_estimator

__all__ = ["ESTIMATORS", "Estimator", "build_pipeline", "find_estimator", "fit", "settable_parameters"]
