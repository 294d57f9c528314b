"""Every series that workers count, in one list: its name, what it says, and the label values that it can have.

A place in shared memory is kept for each combination of label values, so all values are known here beforehand.
One more series is one more entry in `SERIES`, and a method of `WorkerMetrics` that counts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

from vouchml import errors

OTHER: Final = "other"
Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Label:
    """A label and all the values that it can have."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """A family of counts.

    A counter and a histogram include workers that have ended; a gauge is the sum over those that live. `buckets` are
    the upper bounds of a histogram, each inclusive; beyond the last one there is always one without a bound.
    """

    name: str
    about: str
    kind: Kind
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of its labels, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def members(self) -> tuple[tuple[str, ...], ...]:
        """Every combination of label values; one empty combination where there are no labels."""
        return tuple(product(*(label.values for label in self.labels)))

    @property
    def width(self) -> int:
        """Slots of one member: a histogram has one a bucket, one beyond the last, and the sum of what it was given."""
        return len(self.buckets) + 2 if self.kind == "histogram" else 1


def refusal_codes() -> tuple[str, ...]:
    """The codes of all errors that have an HTTP status of their own, from the classes themselves."""
    return tuple(sorted({kind.code for kind in _kinds() if _has_http_status(kind)}))


def _kinds() -> Iterator[type[errors.VouchError]]:
    # Only what the package defines: a class that something else adds at run time would change the layout.
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.VouchError):
            yield kind


def _has_http_status(kind: type[errors.VouchError]) -> bool:
    return any("http_status" in vars(base) for base in kind.__mro__ if base is not errors.VouchError)


DOOR: Final = Label("door", ("predict", "predict_batch", "mlflow", "open_inference", OTHER))
STATUS: Final = Label(
    "status",
    (
        *("200", "400", "401", "403", "404", "405", "406", "408", "409", "413", "415", "422", "429"),
        *("500", "501", "503", OTHER),
    ),
)
SECONDS: Final = (
    *(0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
TENTHS: Final = tuple(tenth / 10 for tenth in range(1, 11))

SERIES: Final = (
    Series("vouch_requests_total", "Requests that were answered.", "counter", (DOOR, STATUS)),
    Series("vouch_request_seconds", "Seconds from the request to its answer.", "histogram", (DOOR,), SECONDS),
    Series("vouch_requests_in_flight", "Requests that are under way.", "gauge"),
    Series("vouch_rows_total", "Rows that were scored.", "counter", (DOOR,)),
    Series(
        "vouch_refusals_total",
        "Requests that were refused, by the code of docs/errors.md.",
        "counter",
        (Label("reason", (*refusal_codes(), OTHER)),),
    ),
    Series("vouch_score", "Probabilities of the positive class that were answered.", "histogram", (), TENTHS),
    Series("vouch_out_of_range_total", "Values outside the range that their feature had in training.", "counter"),
    Series("vouch_extra_columns_total", "Columns that [serving] mlflow_lenient passed over.", "counter"),
    Series(
        "vouch_reloads_total",
        "Versions that a worker loaded or refused.",
        "counter",
        (Label("outcome", ("loaded", "refused")),),
    ),
    Series(
        "vouch_shadow_total",
        "Rows that the shadow version was to score for comparison.",
        "counter",
        (Label("outcome", ("agreed", "disagreed", "failed", "skipped")),),
    ),
    Series(
        "vouch_canary_total",
        "Requests by the version that answered them, while there is a canary.",
        "counter",
        (Label("arm", ("champion", "challenger")),),
    ),
    Series("vouch_ledger_records_total", "Records that were written to the ledger.", "counter"),
    Series("vouch_ledger_commit_seconds", "Seconds of each commit of the ledger.", "histogram", (), SECONDS),
    Series("vouch_ledger_failures_total", "Commits of the ledger that failed.", "counter"),
)
