"""How well a training was made again: the levels R4 to R0, the test of each, and X with the stage that differs first.

| level | what is equal |
|---|---|
| R4 | the bytes of the model's files |
| R3 | the probabilities of the test rows, to the last bit |
| R2 | the labels, and the probabilities to 1e-9 |
| R1 | the metrics to 1e-6 |
| R0 | nothing of these, but neither version is worse than the other by the margins of the policy |
| X | nothing |

R1 to R4 each include the weaker of them. R0 is for what is not even R1: its tests need many rows to show anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from vouchml.governance.evidence import Bools, Floats
from vouchml.governance.reproduce_equivalence import Equivalence, equivalences
from vouchml.governance.reproduce_files import FileComparison
from vouchml.settings import PolicySettings

Level: TypeAlias = Literal["R4", "R3", "R2", "R1", "R0", "X"]
StageName: TypeAlias = Literal["data", "environment", "split", "fit", "score"]

#: From the strongest to the weakest.
LEVELS: Final[tuple[Level, ...]] = ("R4", "R3", "R2", "R1", "R0", "X")
PROBABILITY_TOLERANCE: Final = 1e-9
METRIC_TOLERANCE: Final = 1e-6


@dataclass(frozen=True)
class Stage:
    """One stage of a training: what is recorded, and what came of it now. `same` is None where it was not reached."""

    name: StageName
    same: bool | None
    expected: str
    found: str
    note: str = ""


@dataclass(frozen=True)
class LevelTest:
    """The test of one level, and what came of it."""

    level: Level
    asked: str
    found: str
    passed: bool


@dataclass(frozen=True)
class Reproduction:
    """What came of a training that was made again. Without `tests` it ended before there was anything to compare."""

    stages: tuple[Stage, ...]
    tests: tuple[LevelTest, ...] = ()

    @property
    def level(self) -> Level:
        """The strongest level that is reached."""
        passed = {test.level for test in self.tests if test.passed}
        if "R1" not in passed:
            return "R0" if "R0" in passed else "X"
        reached: Level = "R1"
        for level in ("R2", "R3", "R4"):
            if level not in passed:
                break
            reached = level
        return reached

    @property
    def first_difference(self) -> StageName | None:
        """The first stage that differs."""
        return next((stage.name for stage in self.stages if stage.same is False), None)

    def reaches(self, level: Level) -> bool:
        """Whether the level is `level` or a stronger one."""
        return LEVELS.index(self.level) <= LEVELS.index(level)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "level": self.level,
            "first_difference": self.first_difference,
            "stages": [asdict(stage) for stage in self.stages],
            "tests": [asdict(test) for test in self.tests],
        }


@dataclass(frozen=True, eq=False)
class Answers:
    """What one model says of the test rows: probabilities of the positive class, and the threshold of its contract."""

    probabilities: Floats
    threshold: float

    @property
    def labelled_positive(self) -> Bools:
        """Which rows it labels as positive."""
        return self.probabilities >= self.threshold


@dataclass(frozen=True, eq=False)
class Pair:
    """The recorded training and the one made now. `metrics` are values by name; `digests_agree` is about the scores."""

    files: FileComparison
    is_positive: Bools
    recorded: Answers
    now: Answers
    recorded_metrics: Mapping[str, float]
    metrics_now: Mapping[str, float]
    digests_agree: bool


def judge_levels(pair: Pair, policy: PolicySettings) -> tuple[LevelTest, ...]:
    """Test every level, the strongest first."""
    recorded, now = pair.recorded, pair.now
    identical = recorded.probabilities.tobytes() == now.probabilities.tobytes()
    furthest = float(np.abs(recorded.probabilities - now.probabilities).max())
    flips = int((recorded.labelled_positive != now.labelled_positive).sum())
    metric, distance = _furthest_metric(pair)
    rows = len(pair.is_positive)
    digests = "as the manifest records" if pair.digests_agree else "not those whose digest the manifest records"
    equivalence = equivalences(
        policy,
        is_positive=pair.is_positive,
        first=(now.probabilities, now.threshold),
        second=(recorded.probabilities, recorded.threshold),
    )
    return (
        LevelTest("R4", f"{len(pair.files.compared)} files identical", _files(pair.files), pair.files.identical),
        LevelTest(
            "R3",
            f"probabilities of {rows} test rows identical to the last bit",
            f"{'identical' if identical else 'not identical'}, {digests}",
            identical and pair.digests_agree,
        ),
        LevelTest(
            "R2",
            f"|Δp| at most {PROBABILITY_TOLERANCE:g}, no label changed",
            f"|Δp| at most {furthest:.3g}, {flips} labels changed",
            furthest <= PROBABILITY_TOLERANCE and flips == 0,
        ),
        LevelTest(
            "R1",
            f"{len(pair.recorded_metrics)} metrics equal to {METRIC_TOLERANCE:g}",
            f"the furthest is {metric}, by {distance:.3g}",
            distance <= METRIC_TOLERANCE,
        ),
        LevelTest(
            "R0", _asked(policy), _equivalence(equivalence), bool(equivalence) and all(e.shown for e in equivalence)
        ),
    )


def _furthest_metric(pair: Pair) -> tuple[str, float]:
    """The metric that differs most; one that is missing on either side differs infinitely."""
    names = pair.recorded_metrics.keys() | pair.metrics_now.keys()
    infinite = float("inf")
    distances = {
        name: abs(pair.recorded_metrics.get(name, infinite) - pair.metrics_now.get(name, -infinite)) for name in names
    }
    return max(distances.items(), key=lambda item: item[1], default=("none", infinite))


def _files(files: FileComparison) -> str:
    differ = f"{', '.join(files.differing)} differ" if files.differing else "all identical"
    return f"{differ}; not compared: {', '.join(files.left_out) or 'none'}"


def _asked(policy: PolicySettings) -> str:
    margins = ", ".join(f"{metric} {margin:g}" for metric, margin in policy.margins.items())
    return f"neither worse than the other by the margins of the policy: {margins}"


def _equivalence(found: tuple[Equivalence, ...]) -> str:
    if not found:
        return "[policy] margins is empty, so nothing says what is equivalent"
    return "; ".join(f"{each.metric} {each.found}" for each in found)
