"""A model as it is served: the contract, the request decoder, the scorers and the bundle of files."""

from vouchml.model.bundle import Bundle, open_bundle
from vouchml.model.contract import Contract, Feature, LabelledClass
from vouchml.model.digest import model_digest
from vouchml.model.explanation import Explanation, explain
from vouchml.model.golden import GoldenCheck, GoldenRows, check_golden_rows
from vouchml.model.request import PredictionRequest, decode_request
from vouchml.model.scorers import Scorer, load_scorer

__all__ = [
    "Bundle",
    "Contract",
    "Explanation",
    "Feature",
    "GoldenCheck",
    "GoldenRows",
    "LabelledClass",
    "PredictionRequest",
    "Scorer",
    "check_golden_rows",
    "decode_request",
    "explain",
    "load_scorer",
    "model_digest",
    "open_bundle",
]
