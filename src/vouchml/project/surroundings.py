"""What a training ran on then and now, and what each difference can do to its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vouchml.training.rerun import SURROUNDINGS, differences

#: Recorded, and no part of what decides about a result: a fit uses one thread, whatever is set outside.
NO_CAUSE: Final = ("environment.cpu_count", "environment.thread_variables", "environment.git")

_WHY: Final[Mapping[str, str]] = {
    "environment.libraries.vouchml": "another vouchml may check, split, fit or write files in another way",
    "environment.libraries.scikit-learn": "its solvers and defaults change: the first suspect where the fit differs",
    "environment.libraries.numpy": "sums in another order: the last bits of the fit and of the scores",
    "environment.libraries.scipy": "the optimiser behind the fit: another path to the same minimum",
    "environment.libraries.onnx": "the bytes of model.onnx, not the fit",
    "environment.libraries.skl2onnx": "the bytes of model.onnx, and the last bits of what it answers",
    "environment.libraries.onnxruntime": "the last bits of what model.onnx answers",
    "environment.libraries.skops": "the bytes of model.skops, not the fit",
    "environment.libraries.mlflow": "the bytes of the files that MLflow writes, not the fit",
    "environment.libraries.pandas": "the bytes of the input example, not the fit",
    "environment.libraries.pyarrow": "how cells of the table are read",
    "environment.lock_sha256": "other packages are pinned: compare the lock files",
    "environment.thread_pools": "another BLAS or another kernel of it, chosen by processor: the last bits of the fit",
    "environment.python": "seldom the cause; another Python comes with other builds of the libraries",
    "environment.implementation": "another interpreter comes with other builds of the libraries",
    "environment.platform": "another C library or processor: the last bits of exp and log",
    "environment.cpu_count": "no cause: a fit uses one thread",
    "environment.thread_variables": "no cause: a fit uses one thread",
    "environment.git": "the project's own files: what decides is the table and the settings, which are compared",
}


@dataclass(frozen=True)
class Surrounding:
    """One difference between what a training ran on then and now. `counts`: whether it can change a result."""

    place: str
    recorded: Any
    now: Any
    why: str
    counts: bool


def surroundings(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Surrounding, ...]:
    """Where the environments in two manifests differ."""
    return tuple(
        Surrounding(each.place, each.recorded, each.now, _why(each.place), _under(each.place, SURROUNDINGS))
        for each in differences(recorded, now, (*SURROUNDINGS, *NO_CAUSE))
    )


def _why(place: str) -> str:
    return next((words for part, words in _WHY.items() if _under(place, (part,))), "what it changes is not known")


def _under(place: str, parts: tuple[str, ...]) -> bool:
    return any(place == part or place.startswith(f"{part}.") for part in parts)
