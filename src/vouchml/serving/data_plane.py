"""The data plane under all doors: which version answers, what its ranges say, the score, and what is counted.

A door brings rows that it has decoded, and puts the outcome into its own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from vouchml.errors import ContractBreach, InvalidFeature, ScoreUndefined
from vouchml.model.request import PredictionRequest
from vouchml.serving.doors.base import Call
from vouchml.serving.following.follower import Follower
from vouchml.serving.following.served_model import Arm, Lineup, ServedModel
from vouchml.serving.metrics import WorkerMetrics
from vouchml.serving.row_budget import RowBudget
from vouchml.serving.shadow import Shadow
from vouchml.settings import ServingSettings

_OUTSIDE = "is outside the range that it had in training"
_LISTED = 50


class RowChoice(NamedTuple):
    """Who scores one row, in which arm, and the features that lie outside their range of training."""

    served: ServedModel
    arm: Arm
    out_of_range: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class ScoredRows:
    """The scores of several rows in order. `outside` counts features out of range, row by row; None when none is."""

    served: ServedModel
    arm: Arm
    probabilities: NDArray[np.float64]
    outside: NDArray[np.int64] | None


class DataPlane:
    """Scores decoded rows with the version that a request falls to."""

    def __init__(
        self,
        follower: Follower,
        settings: ServingSettings,
        metrics: WorkerMetrics,
        shadow: Shadow,
        budget: RowBudget,
    ) -> None:
        self.follower = follower
        self._budget = budget
        self._refuses_outside = settings.out_of_range == "refuse"
        self._metrics = metrics
        self._shadow = shadow

    def lineup(self) -> Lineup:
        """The versions that serve now: taken once by a request, and used to its end.

        Raises:
            NoModelLoaded: there is none yet.
        """
        return self.follower.serving_lineup()

    def begin_row(self, lineup: Lineup, request_id: str, request: PredictionRequest) -> RowChoice:
        """Say who scores the row, and look at its ranges.

        Raises:
            ContractBreach: a feature is out of range and `[serving] out_of_range` is "refuse".
        """
        if lineup.canary is None and request.in_range:
            return RowChoice(lineup.champion, "champion", ())
        arm = lineup.arm(request_id)
        served = lineup.answering(arm)
        outside = served.decoder.ranges.outside(request.row)
        if outside:
            self._out_of_range(len(outside), [InvalidFeature(name, _OUTSIDE) for name in outside])
        return RowChoice(served, arm, outside)

    def end_row(self, lineup: Lineup, choice: RowChoice, row: NDArray[np.float64], probability: float) -> None:
        """Count the score of a row, and have the shadow score it too.

        Raises:
            ScoreUndefined: it is no probability.
        """
        if not 0.0 <= probability <= 1.0:
            raise ScoreUndefined
        self._metrics.score(probability)
        if lineup.canary is not None:
            self._metrics.canary(choice.arm, 1)
        if lineup.shadow is not None:
            rows, probabilities = row.reshape(1, -1), np.array([probability])
            self._shadow.compare(lineup.shadow, rows, probabilities, choice.served.contract)

    async def score_rows(self, lineup: Lineup, call: Call, rows: NDArray[np.float64], *, place: str) -> ScoredRows:
        """Score rows, shape (rows, features), all with one version; `place` is what the body calls the list of rows.

        They are under way until the exchange of `call` ends.

        Raises:
            ServiceBusy: the worker has too many rows under way.
            ContractBreach, ScoreUndefined: see `begin_row` and `end_row`.
        """
        self._budget.take(call, len(rows))
        arm = lineup.arm(call.request_id)
        served = lineup.answering(arm)
        ranges = served.decoder.ranges
        counts = ranges.count_outside(rows)
        outside = counts if counts.any() else None
        if outside is not None:
            self._out_of_range(int(counts.sum()), self._named(served, rows, counts, place))
        probabilities = await anyio.to_thread.run_sync(served.scorer.positive_probability, rows)
        if not ((probabilities >= 0.0) & (probabilities <= 1.0)).all():
            raise ScoreUndefined
        self._metrics.scores(probabilities)
        if lineup.canary is not None:
            self._metrics.canary(arm, 1)
        if lineup.shadow is not None:
            self._shadow.compare(lineup.shadow, rows, probabilities, served.contract)
        return ScoredRows(served, arm, probabilities, outside)

    def _out_of_range(self, count: int, named: list[InvalidFeature]) -> None:
        self._metrics.out_of_range(count)
        if self._refuses_outside:
            raise ContractBreach(
                "Features are outside the range that they had in training, and this service does not guess there.",
                invalid=named[:_LISTED],
            )

    def _named(
        self, served: ServedModel, rows: NDArray[np.float64], counts: NDArray[np.int64], place: str
    ) -> list[InvalidFeature]:
        if not self._refuses_outside:
            return []
        return [
            InvalidFeature(f"{place}[{position}].{name}", _OUTSIDE)
            for position in np.flatnonzero(counts)[:_LISTED]
            for name in served.decoder.ranges.outside(rows[position])
        ]
