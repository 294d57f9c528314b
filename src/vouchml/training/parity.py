"""Whether the other forms of a pipeline give scikit-learn's probabilities, and so which of them may serve.

Compared are all rows of the table (in blocks and, up to a thousand of them, one at a time as the service
scores them), points around them, and points on the edges where a tree decides: training values, the middle
between two neighbouring values, and both rounded to float32. Probabilities may differ by 1e-12 and no label
may differ at the threshold. The contract names the first form that passes, in the order of `FORMS`, or else
scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.model import Feature, Scorer
from vouchml.training.environment import single_threaded_linear_algebra
from vouchml.training.forms import FORMS, ExportFailed, Form, FormName
from vouchml.training.parity_points import Matrix, PointKind, points_to_compare
from vouchml.training.raw_frame import raw_frame

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TOLERANCE = 1e-12

_ROWS_ONE_BY_ONE = 1_000


@dataclass(frozen=True)
class FormParity:
    """How far one form is from scikit-learn.

    The differences and flips are None where there was nothing to compare.
    """

    scorer: FormName
    passed: bool
    reason: str
    max_abs_difference_rows: float | None = None
    max_abs_difference_perturbed: float | None = None
    max_abs_difference_edges: float | None = None
    label_flips: int | None = None

    @property
    def max_abs_difference(self) -> float | None:
        """The largest difference of a probability on any of the points, or None where none was compared."""
        parts = (self.max_abs_difference_rows, self.max_abs_difference_perturbed, self.max_abs_difference_edges)
        return max((part for part in parts if part is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """As JSON for the manifest and the report."""
        return {"max_abs_difference": self.max_abs_difference, **asdict(self)}


@dataclass(frozen=True)
class Parity:
    """How far each form is from scikit-learn, the preferred one first, and on how many points."""

    rows: int
    perturbed_points: int
    edge_points: int
    threshold: float
    forms: tuple[FormParity, ...]
    tolerance: float = TOLERANCE

    @property
    def serving(self) -> FormParity | None:
        """The form that serves: the first that passed, or None where scikit-learn itself must."""
        return next((form for form in self.forms if form.passed), None)

    @property
    def scorer(self) -> Literal["affine", "onnx", "sklearn"]:
        """The scorer that the contract must name."""
        return self.serving.scorer if self.serving else "sklearn"

    @property
    def passed(self) -> bool:
        """Whether any form may serve."""
        return self.serving is not None

    @property
    def reason(self) -> str:
        """Why `scorer` serves."""
        return self.serving.reason if self.serving else " ".join(form.reason for form in self.forms)

    def of(self, scorer: FormName) -> FormParity:
        """What was found about one form."""
        return next(form for form in self.forms if form.scorer == scorer)

    def to_dict(self) -> dict[str, Any]:
        """As JSON for the manifest and the report; difference and flips are those of the form that serves."""
        return {
            "scorer": self.scorer,
            "passed": self.passed,
            "reason": self.reason,
            "max_abs_difference": self.serving.max_abs_difference if self.serving else None,
            "label_flips": self.serving.label_flips if self.serving else None,
            "rows": self.rows,
            "perturbed_points": self.perturbed_points,
            "edge_points": self.edge_points,
            "threshold": self.threshold,
            "tolerance": self.tolerance,
            "forms": [form.to_dict() for form in self.forms],
        }


def check_parity(
    pipeline: Pipeline,
    exports: Mapping[FormName, bytes | ExportFailed],
    values: Matrix,
    *,
    positive_index: int,
    threshold: float,
    random_state: int,
    perturbed: int = 10_000,
    features: Sequence[Feature] = (),
) -> Parity:
    """Compare each of `exports` with the fitted `pipeline` on `values`, and on `perturbed` points of each kind.

    Where one of `features` is a category or may be null, `pipeline` takes the table that the rows stand for.
    A form that differs, cannot be loaded or does not exist is a result, not an error.
    """
    candidates = [_candidate(form, exports[name], positive_index) for name, form in FORMS.items() if name in exports]
    comparisons = [
        _Comparison(form, scorer, threshold) for form, scorer in candidates if not isinstance(scorer, ExportFailed)
    ]
    if comparisons:
        reference = _sklearn_score(pipeline, positive_index, features)
        categories = [place for place, feature in enumerate(features) if feature.type == "category"]
        rng = np.random.default_rng(random_state)
        with single_threaded_linear_algebra():
            sample = np.ascontiguousarray(values[:: max(1, -(-len(values) // _ROWS_ONE_BY_ONE))])
            _compare_one_by_one(comparisons, reference, sample)
            _compare(comparisons, reference, points_to_compare(values, perturbed, rng, categories))
    found = {comparison.form.scorer: comparison.finding() for comparison in comparisons}
    return Parity(
        rows=len(values) if comparisons else 0,
        perturbed_points=perturbed if comparisons else 0,
        edge_points=perturbed if comparisons else 0,
        threshold=threshold,
        forms=tuple(
            FormParity(form.scorer, passed=False, reason=scorer.reason)
            if isinstance(scorer, ExportFailed)
            else found[form.scorer]
            for form, scorer in candidates
        ),
    )


def _candidate(form: Form, content: bytes | ExportFailed, positive_index: int) -> tuple[Form, Scorer | ExportFailed]:
    if isinstance(content, ExportFailed):
        return form, ExportFailed(f"There is no {form.title}: {content.reason}.")
    try:
        return form, form.load(content, positive_index)
    # What is raised depends on the library (onnxruntime's errors have no base but Exception); scikit-learn can serve.
    except Exception as error:  # noqa: BLE001
        reason = " ".join(str(error).split())[:200]
        return form, ExportFailed(f"The {form.title} cannot be loaded: {reason}.")


def _compare_one_by_one(comparisons: list[_Comparison], reference: Callable[[Matrix], Matrix], rows: Matrix) -> None:
    expected = reference(rows)
    for comparison in comparisons:
        comparison.add("rows", expected, comparison.one_by_one(rows))


def _compare(
    comparisons: list[_Comparison],
    reference: Callable[[Matrix], Matrix],
    points: Iterable[tuple[PointKind, Matrix]],
) -> None:
    for kind, block in points:
        expected = reference(block)
        for comparison in comparisons:
            comparison.add(kind, expected, comparison.scorer.positive_probability(block))


class _Comparison:
    """Keeps, for one form, the largest difference on each kind of points and the count of labels that differ."""

    def __init__(self, form: Form, scorer: Scorer, threshold: float) -> None:
        self.form = form
        self.scorer = scorer
        self._threshold = threshold
        self._worst: dict[PointKind, float] = {"rows": 0.0, "perturbed": 0.0, "edges": 0.0}
        self._flips = 0
        self._is_float32 = False

    def one_by_one(self, rows: Matrix) -> Matrix:
        return np.array([self.scorer.positive_probability_of_one(row) for row in rows])

    def add(self, kind: PointKind, expected: Matrix, got: NDArray[Any]) -> None:
        self._is_float32 |= got.dtype == np.float32
        self._flips += int(np.count_nonzero((expected >= self._threshold) != (got >= self._threshold)))
        difference = np.abs(expected - got)
        worst = float(np.where(np.isnan(difference), np.inf, difference).max(initial=0.0))
        self._worst[kind] = max(self._worst[kind], worst)

    def finding(self) -> FormParity:
        worst = max(self._worst.values())
        passed = worst <= TOLERANCE and self._flips == 0
        found = (
            f"the largest difference of a probability is {worst:.2g} (allowed: {TOLERANCE:.0e}), "
            f"labels that differ: {self._flips}"
        )
        why = "; its thresholds and probabilities are float32, scikit-learn's are float64" if self._is_float32 else ""
        return FormParity(
            scorer=self.form.scorer,
            passed=passed,
            reason=f"The {self.form.title} {'gives' if passed else 'does not give'} scikit-learn's probabilities: "
            f"{found}{'' if passed else why}.",
            max_abs_difference_rows=self._worst["rows"],
            max_abs_difference_perturbed=self._worst["perturbed"],
            max_abs_difference_edges=self._worst["edges"],
            label_flips=self._flips,
        )


def _sklearn_score(pipeline: Pipeline, positive_index: int, features: Sequence[Feature]) -> Callable[[Matrix], Matrix]:
    import pandas as pd

    names = getattr(pipeline, "feature_names_in_", None)

    def score(block: Matrix) -> Matrix:
        # A pipeline fitted on named columns warns about a bare array; one fitted on an array about names.
        frame = raw_frame(block, features) if features else pd.DataFrame(block, columns=names)
        probabilities = pipeline.predict_proba(block if names is None else frame)
        return np.asarray(probabilities[:, positive_index], dtype=np.float64)

    return score
