"""Whether the ONNX form of a pipeline gives scikit-learn's probabilities, and so which of the two may serve.

Compared are all rows of the table (in blocks and, up to a thousand of them, one at a time as the service
scores them), points around them, and points on the edges where a tree decides: training values, the middle
between two neighbouring values, and both rounded to float32. Probabilities may differ by 1e-12 and no label
may differ at the threshold; otherwise the contract says `scorer = "sklearn"`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.model.onnx_runtime import import_onnxruntime
from vouchml.training.environment import single_threaded_linear_algebra
from vouchml.training.onnx_export import INPUT, OUTPUT_PROBABILITIES, ExportFailed

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TOLERANCE = 1e-12

Matrix = NDArray[np.float64]
_Score = Callable[[Matrix], Matrix]

_CELLS_A_BLOCK = 2_000_000
_ROWS_ONE_BY_ONE = 1_000
_ROWS_FOR_EDGES = 100_000
# Steps in units of a column's standard deviation: hardly off a row, near it, and among other rows.
_NOISE = (1e-6, 1e-2, 1.0)


@dataclass(frozen=True)
class Parity:
    """How far the ONNX model is from scikit-learn, and which of the two the contract must name.

    The differences and flips are None where there was no ONNX model to compare.
    """

    scorer: Literal["onnx", "sklearn"]
    reason: str
    rows: int
    perturbed_points: int
    edge_points: int
    threshold: float
    max_abs_difference_rows: float | None = None
    max_abs_difference_perturbed: float | None = None
    max_abs_difference_edges: float | None = None
    label_flips: int | None = None
    tolerance: float = TOLERANCE

    @property
    def passed(self) -> bool:
        """Whether the ONNX model may serve."""
        return self.scorer == "onnx"

    @property
    def max_abs_difference(self) -> float | None:
        """The largest difference of a probability on any of the points, or None where none was compared."""
        parts = (self.max_abs_difference_rows, self.max_abs_difference_perturbed, self.max_abs_difference_edges)
        return max((part for part in parts if part is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """As JSON for the manifest and the report."""
        return {"passed": self.passed, "max_abs_difference": self.max_abs_difference, **asdict(self)}


def check_parity(
    pipeline: Pipeline,
    model: bytes | ExportFailed,
    values: Matrix,
    *,
    positive_index: int,
    threshold: float,
    random_state: int,
    perturbed: int = 10_000,
) -> Parity:
    """Compare the ONNX `model` with the fitted `pipeline` on `values`, and on `perturbed` points of each kind.

    A model that differs, cannot be loaded or does not exist is a result, not an error.
    """
    if isinstance(model, ExportFailed):
        return Parity("sklearn", f"There is no ONNX model: {model.reason}.", 0, 0, 0, threshold)
    try:
        session = _session(model)
    # onnxruntime's errors have no base but Exception; whatever it is, scikit-learn can still serve.
    except Exception as error:  # noqa: BLE001
        reason = " ".join(str(error).split())[:200]
        return Parity("sklearn", f"onnxruntime cannot load the ONNX model: {reason}.", 0, 0, 0, threshold)
    comparison = _Comparison(
        reference=_sklearn_score(pipeline, positive_index),
        candidate=_onnx_score(session, positive_index),
        threshold=threshold,
    )
    rng = np.random.default_rng(random_state)
    with single_threaded_linear_algebra():
        on_rows = max(comparison.in_blocks(_slices(values)), comparison.one_by_one(values))
        on_perturbed = comparison.in_blocks(_perturbed(values, perturbed, rng))
        on_edges = comparison.in_blocks(_edges(values, perturbed, rng))
    worst, flips = max(on_rows, on_perturbed, on_edges), comparison.flips
    return Parity(
        scorer="onnx" if worst <= TOLERANCE and flips == 0 else "sklearn",
        reason=_reason(worst, flips, is_float32=session.get_outputs()[1].type == "tensor(float)"),
        rows=len(values),
        perturbed_points=perturbed,
        edge_points=perturbed,
        threshold=threshold,
        max_abs_difference_rows=on_rows,
        max_abs_difference_perturbed=on_perturbed,
        max_abs_difference_edges=on_edges,
        label_flips=flips,
    )


def _reason(worst: float, flips: int, *, is_float32: bool) -> str:
    found = (
        f"the largest difference of a probability is {worst:.2g} (allowed: {TOLERANCE:.0e}), "
        f"labels that differ: {flips}"
    )
    if worst <= TOLERANCE and flips == 0:
        return f"The ONNX model gives scikit-learn's probabilities: {found}."
    why = "; its thresholds and probabilities are float32, scikit-learn's are float64" if is_float32 else ""
    return f"The ONNX model does not give scikit-learn's probabilities: {found}{why}."


class _Comparison:
    """Scores points by both, counts labels that differ and returns the largest difference."""

    def __init__(self, *, reference: _Score, candidate: _Score, threshold: float) -> None:
        self._reference = reference
        self._candidate = candidate
        self._threshold = threshold
        self.flips = 0

    def in_blocks(self, blocks: Iterator[Matrix]) -> float:
        return max((self._compare(self._reference(block), self._candidate(block)) for block in blocks), default=0.0)

    def one_by_one(self, values: Matrix) -> float:
        sample = values[:: max(1, -(-len(values) // _ROWS_ONE_BY_ONE))]
        candidate = np.concatenate([self._candidate(sample[i : i + 1]) for i in range(len(sample))])
        return self._compare(self._reference(sample), candidate)

    def _compare(self, expected: Matrix, got: Matrix) -> float:
        self.flips += int(np.count_nonzero((expected >= self._threshold) != (got >= self._threshold)))
        difference = np.abs(expected - got)
        return float(np.where(np.isnan(difference), np.inf, difference).max(initial=0.0))


def _session(model: bytes) -> Any:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _onnx_score(session: Any, positive_index: int) -> _Score:
    def score(block: Matrix) -> Matrix:
        (probabilities,) = session.run([OUTPUT_PROBABILITIES], {INPUT: block})
        return np.asarray(probabilities[:, positive_index], dtype=np.float64)

    return score


def _sklearn_score(pipeline: Pipeline, positive_index: int) -> _Score:
    import pandas as pd

    names = getattr(pipeline, "feature_names_in_", None)

    def score(block: Matrix) -> Matrix:
        # A pipeline fitted on named columns warns about a bare array; one fitted on an array about names.
        probabilities = pipeline.predict_proba(block if names is None else pd.DataFrame(block, columns=names))
        return np.asarray(probabilities[:, positive_index], dtype=np.float64)

    return score


def _block_rows(columns: int) -> int:
    return max(1, _CELLS_A_BLOCK // max(1, columns))


def _slices(values: Matrix) -> Iterator[Matrix]:
    step = _block_rows(values.shape[1])
    for start in range(0, len(values), step):
        yield np.ascontiguousarray(values[start : start + step])


def _perturbed(values: Matrix, count: int, rng: np.random.Generator) -> Iterator[Matrix]:
    """Rows drawn with replacement, each moved by normal noise of one of three sizes."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.nan_to_num(values.std(axis=0), nan=0.0, posinf=0.0)
    for size in _sizes(count, values.shape[1]):
        rows = values[rng.integers(len(values), size=size)]
        scale = rng.choice(_NOISE, size=(size, 1)) * spread
        yield _finite_or(rows + rng.standard_normal(rows.shape) * scale, rows)


def _edges(values: Matrix, count: int, rng: np.random.Generator) -> Iterator[Matrix]:
    """Points whose every cell is a training value, the middle of two neighbours, or one of these in float32.

    Where a tree has its thresholds; the next float64 on either side of it is drawn as often as the point.
    """
    ordered = np.sort(values[:: max(1, -(-len(values) // _ROWS_FOR_EDGES))], axis=0)
    column = np.arange(values.shape[1])
    for size in _sizes(count, values.shape[1]):
        shape = (size, values.shape[1])
        at = rng.integers(len(ordered), size=shape)
        lower, upper = ordered[at, column], ordered[np.minimum(at + 1, len(ordered) - 1), column]
        point = np.where(rng.random(shape) < 0.5, lower, lower / 2 + upper / 2)
        with np.errstate(over="ignore", under="ignore"):
            rounded = _finite_or(point.astype(np.float32).astype(np.float64), point)
            point = np.where(rng.random(shape) < 0.5, point, rounded)
            beside = np.nextafter(point, rng.choice((-np.inf, np.inf), size=shape))
        yield np.where(rng.random(shape) < 0.5, point, _finite_or(beside, point))


def _sizes(count: int, columns: int) -> Iterator[int]:
    step = _block_rows(columns)
    for start in range(0, count, step):
        yield min(step, count - start)


def _finite_or(points: Matrix, fallback: Matrix) -> Matrix:
    return np.where(np.isfinite(points), points, fallback)
