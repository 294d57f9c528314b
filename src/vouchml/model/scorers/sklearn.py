"""Score with scikit-learn itself, for models that have no exact ONNX form.

The model is read by skops, which builds only types that it is told to trust. That list is ours, by estimator; the
one in the artifact is chosen by the file that it should guard, and is never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BundleInvalid, ScoreUndefined
from vouchml.model.bundle import Bundle
from vouchml.model.contract import Contract
from vouchml.model.expansion import expansion_of
from vouchml.model.scorers.expanded import ExpandedScorer

MODEL_FILE: Final = "model.skops"
TRUSTED_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "logistic_regression": (),
    "hist_gradient_boosting": ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",),
    "random_forest": ("sklearn.tree._tree.Tree",),
}
#: What fills nulls remembers the type of the numbers that it was fitted on. Making one runs nothing.
_TYPE_OF_NUMBERS: Final = "numpy.dtype"


@dataclass(frozen=True)
class SklearnScorer:
    """A scikit-learn pipeline that takes a plain matrix in the order of the contract.

    One that takes categories or nulls comes without its first step, within an `ExpandedScorer` that does the same.
    """

    pipeline: Any
    positive_index: int

    @classmethod
    def load(cls, bundle: Bundle) -> SklearnScorer | ExpandedScorer:
        """Load `model.skops` with our own list of trusted types.

        Raises:
            BundleInvalid: the file is missing, broken, holds a type that is not trusted, or fits another contract.
        """
        from skops.io import load
        from skops.io.exceptions import UntrustedTypesFoundException

        contract = bundle.contract
        path = bundle.folder / MODEL_FILE
        if not path.is_file():
            raise BundleInvalid(
                f"The contract says scorer = sklearn, but the version has no {MODEL_FILE}.", remedy="Train it again."
            )
        try:
            pipeline = load(path, trusted=trusted_types(contract))
        except UntrustedTypesFoundException as error:
            raise BundleInvalid(
                f"{MODEL_FILE} holds types that {contract.estimator} does not need; it was not loaded.",
                remedy="Find out who wrote this version. `vouch train` never writes such a file.",
            ) from error
        except Exception as error:
            raise BundleInvalid(f"{MODEL_FILE} cannot be loaded.", remedy="Train the version again.") from error
        if not _fits(pipeline, contract):
            raise BundleInvalid(f"{MODEL_FILE} does not fit the contract.", remedy="Train the version again.")
        if not contract.is_plain:
            return _expanded(pipeline, contract)
        # The contract has put the columns in order; without names scikit-learn takes a plain matrix in silence.
        for _, step in pipeline.steps:
            if hasattr(step, "feature_names_in_"):
                del step.feature_names_in_
        return cls(pipeline=pipeline, positive_index=contract.positive_index)

    @cached_property
    def tree_explainer(self) -> Any:
        """The explainer of the package `shap` for a model of trees, made when it is first asked for.

        Raises:
            ImportError: `shap`, or a package that it needs, is not installed.
        """
        from shap import TreeExplainer

        return TreeExplainer(self.pipeline[-1])

    def positive_probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of the positive class for each of `rows`, shape (rows, features) → (rows,).

        Raises:
            ScoreUndefined: scikit-learn takes no numbers of such a size.
        """
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                probabilities: NDArray[np.float64] = self.pipeline.predict_proba(rows)
        # The rows are finite and fit the contract, so all that it can still refuse is what it overflows on.
        except ValueError as error:
            raise ScoreUndefined from error
        return probabilities[:, self.positive_index]

    def positive_probability_of_one(self, row: NDArray[np.float64]) -> float:
        """The probability of the positive class for one row, shape (features,); raises as for several."""
        return float(self.positive_probability(row[np.newaxis])[0])


def trusted_types(contract: Contract) -> list[str]:
    """The types beside scikit-learn's own that a model of `contract` is made of."""
    of_nulls = [_TYPE_OF_NUMBERS] if contract.has_nulls else []
    return [*TRUSTED_TYPES.get(contract.estimator, ()), *of_nulls]


def _expanded(pipeline: Any, contract: Contract) -> ExpandedScorer:
    """The scorer of a pipeline whose first step takes a table of texts and numbers: what it does is done faster here.

    Raises:
        BundleInvalid: the first step is not as `vouch train` makes it for `contract`.
    """
    try:
        expansion = expansion_of(pipeline[0], contract.features)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        expansion = None
    if expansion is None or not expansion.fits(contract.features):
        raise BundleInvalid(
            f"{MODEL_FILE} does not take the columns as the contract has them.", remedy="Train the version again."
        )
    return ExpandedScorer(expansion.expander(), SklearnScorer(pipeline[1:], contract.positive_index))


def _fits(pipeline: Any, contract: Contract) -> bool:
    """Whether `pipeline` is a fitted pipeline that gives probabilities for the classes and features of `contract`."""
    from sklearn.pipeline import Pipeline

    values = tuple(entry.value for entry in contract.classes)
    return (
        isinstance(pipeline, Pipeline)
        and hasattr(pipeline, "predict_proba")
        and tuple(getattr(pipeline, "classes_", ())) == values
        and pipeline.n_features_in_ == len(contract.features)
    )
