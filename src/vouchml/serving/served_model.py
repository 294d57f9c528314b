"""What serves: one version, loaded, warmed up and never changed. The follower swaps the whole object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BundleInvalid
from vouchml.model import Bundle, Contract, Scorer, load_scorer


@dataclass(frozen=True)
class ServedModel:
    """A version that answers predictions. A request takes it once and uses nothing else."""

    name: str
    stage: str
    version: str
    run_id: str | None
    bundle: Bundle
    scorer: Scorer
    loaded_at: datetime

    @property
    def contract(self) -> Contract:
        """What the model takes and what its answers mean."""
        return self.bundle.contract

    @property
    def model_digest(self) -> str:
        """The digest over the files that were loaded."""
        return self.bundle.digest

    @property
    def scores_in_microseconds(self) -> bool:
        """Whether a row may be scored on the event loop; scikit-learn takes long enough to hold up others."""
        return self.contract.scorer == "onnx"

    def probability(self, row: NDArray[np.float64]) -> float:
        """The probability of the positive class for one row, shape (1, features)."""
        return float(self.scorer.positive_probability(row)[0])


def load_served_model(bundle: Bundle, *, name: str, stage: str, version: str, run_id: str | None) -> ServedModel:
    """Load the scorer of `bundle` and score one row with it.

    Raises:
        BundleInvalid: the model cannot be loaded, or its answer is not a probability.
        DependencyMissing: its scorer needs a package that is not installed.
    """
    served = ServedModel(
        name=name,
        stage=stage,
        version=version,
        run_id=run_id,
        bundle=bundle,
        scorer=load_scorer(bundle),
        loaded_at=datetime.now(UTC),
    )
    _warm_up(served)
    return served


def example_row(contract: Contract) -> tuple[float, ...]:
    """The middle of the range that each feature had in training; halved first, so that no sum overflows."""
    return tuple(feature.minimum / 2 + feature.maximum / 2 for feature in contract.features)


def _warm_up(served: ServedModel) -> None:
    row = np.array([example_row(served.contract)], dtype=np.float64)
    try:
        probability = served.probability(row)
    # Scorers raise what their library raises; whatever it is, this version must not replace one that works.
    except Exception as error:
        raise BundleInvalid("The model fails on the first row that it is given.", remedy="Train it again.") from error
    if not 0.0 <= probability <= 1.0:
        raise BundleInvalid("The model's answer to its first row is not a probability.", remedy="Train it again.")
