"""Measure a version anew, from the files that were registered, on the test rows of its run.

This is what the evaluator vouches for: not what the run says about itself, but whether that is so. Metrics with their
intervals are those of the manifest; they are signed only where these files give the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.data.duplicates import row_groups
from vouchml.governance.collection import slice_columns
from vouchml.governance.judged_rows import JudgedRows, Manifest, find_judged_rows
from vouchml.governance.robustness import Robustness, measure_robustness
from vouchml.governance.rules.slices import slices_of
from vouchml.governance.statistics.calibration import calibration_errors, calibration_slope
from vouchml.governance.statistics.losses import log_losses, squared_errors
from vouchml.model import Bundle, check_golden_rows, load_scorer
from vouchml.settings import Settings

Verdict = Literal["passed", "warned", "failed"]

#: How far a metric that is computed anew may lie from the one of the manifest.
METRIC_TOLERANCE: Final = 1e-6
#: The share of labels that noise may change, by its level, and the accuracy that one filled-in feature may cost.
LABELS_CHANGED: Final[Mapping[float, float]] = {0.01: 0.02, 0.05: 0.05}
ACCURACY_LOST: Final = 0.1


@dataclass(frozen=True)
class Measurements:
    """Each test with its verdict, and the figures behind them as JSON has them."""

    tests: Mapping[str, Verdict]
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> Literal["PASSED", "WARNED", "FAILED"]:
        """FAILED if any test failed, else WARNED if any warned, else PASSED, as in-toto's test-result has it."""
        verdicts = set(self.tests.values())
        return "FAILED" if "failed" in verdicts else "WARNED" if "warned" in verdicts else "PASSED"

    def named(self, verdict: Verdict) -> list[str]:
        """The tests with this verdict."""
        return [name for name, each in self.tests.items() if each == verdict]


def measure(settings: Settings, bundle: Bundle, manifest: Manifest, *, of: str) -> Measurements:
    """Measure the version `of` whose files are `bundle`.

    Raises:
        TableUnreadable, TableInvalid, TableChanged: its table is not there.
        EvidenceMismatch: manifest, contract and table do not belong together.
        BundleInvalid, DependencyMissing: the model cannot be loaded, or does not answer its golden rows.
    """
    rows = find_judged_rows(settings.data_path, manifest, bundle, of=of)
    scorer = load_scorer(bundle)
    contract = bundle.contract
    p = np.asarray(scorer.positive_probability(np.ascontiguousarray(rows.values)), dtype=np.float64)
    is_positive = rows.is_positive(contract.positive.value)
    golden = check_golden_rows(bundle, scorer)
    leaked = _leaked_rows(rows)
    robustness = measure_robustness(
        scorer,
        rows.values,
        rows.table.values[rows.train],
        is_positive,
        names=contract.feature_names,
        threshold=contract.threshold,
        random_state=manifest.settings.training.random_state,
        categories=[place for place, feature in enumerate(contract.features) if feature.type == "category"],
    )
    found = _metrics(is_positive, p, contract.threshold)
    tests: dict[str, Verdict] = {
        "leakage": "failed" if leaked else "passed",
        "golden_rows": "passed" if golden.rows else "warned",
        "parity": _parity(manifest.parity),
        "metrics": "passed" if _are_those_of(manifest, found) else "failed",
        **dict(_robustness_tests(robustness)),
    }
    return Measurements(
        tests,
        {
            "metrics": manifest.evaluation.get("metrics"),
            "interval": manifest.evaluation.get("interval"),
            "recomputed": found,
            "testRows": len(p),
            "testPositives": int(is_positive.sum()),
            "testSet": rows.test_set_sha256,
            "calibration": _calibration(is_positive, p),
            "slices": _slices(settings, rows, (p >= contract.threshold) == is_positive),
            "robustness": robustness.to_dict(),
            "leakage": {"rowsInBothSplits": leaked},
            "parity": {
                name: manifest.parity.get(name) for name in ("scorer", "max_abs_difference", "label_flips", "tolerance")
            },
            "goldenRows": {"rows": golden.rows, "maxAbsDifference": golden.max_abs_difference},
        },
    )


def _leaked_rows(rows: JudgedRows) -> int:
    """How many test rows are, features and target alike, among the training rows."""
    groups = row_groups(rows.table.values, rows.table.targets)
    return int(np.isin(groups[rows.test], groups[rows.train]).sum())


def _parity(parity: Mapping[str, Any]) -> Verdict:
    """Passed where a form gives scikit-learn's probabilities, and where scikit-learn itself serves."""
    return "passed" if parity.get("passed") is True or parity.get("scorer") == "sklearn" else "failed"


def _metrics(is_positive: NDArray[np.bool_], p: NDArray[np.float64], threshold: float) -> dict[str, float]:
    return {
        "accuracy": float(((p >= threshold) == is_positive).mean()),
        "log_loss": float(log_losses(is_positive, p).mean()),
        "brier": float(squared_errors(is_positive, p).mean()),
    }


def _are_those_of(manifest: Manifest, found: Mapping[str, float]) -> bool:
    metrics = manifest.evaluation.get("metrics")
    if not isinstance(metrics, dict):
        return False
    recorded = {name: metrics[name].get("value") for name in found if isinstance(metrics.get(name), dict)}
    return all(
        isinstance(recorded.get(name), int | float) and math.isclose(recorded[name], value, abs_tol=METRIC_TOLERANCE)
        for name, value in found.items()
    )


def _robustness_tests(robustness: Robustness) -> Iterator[tuple[str, Verdict]]:
    for noise in robustness.noise:
        within = noise.labels_changed <= LABELS_CHANGED[noise.level]
        yield f"noise_{noise.level * 100:g}_percent", "passed" if within else "warned"
    worst = max((each.accuracy_lost for each in robustness.missing), default=0.0)
    yield "missing_values", "passed" if worst <= ACCURACY_LOST else "warned"


def _calibration(is_positive: NDArray[np.bool_], p: NDArray[np.float64]) -> dict[str, float | None]:
    slope = calibration_slope(is_positive, p)
    return {
        "error": float(calibration_errors(is_positive, p, np.arange(len(p))[np.newaxis])[0]),
        "slope": slope.value if slope else None,
        "slopeStandardError": slope.standard_error if slope else None,
    }


def _slices(settings: Settings, rows: JudgedRows, is_right: NDArray[np.bool_]) -> list[dict[str, Any]]:
    return [
        {"column": each.column, "slice": each.name, "rows": each.rows, "accuracy": each.accuracy}
        for column, values in slice_columns(settings, rows).items()
        for each in slices_of(column, values, is_right, bins=settings.policy.slice_bins)
    ]
