"""The sums as Prometheus reads them: its text format 0.0.4, written by prometheus_client.

Besides the series that are counted there are three facts: which versions are served, how many workers live, and
which release this is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from vouchml import __version__
from vouchml.serving.metrics.layout import Layout
from vouchml.serving.metrics.series import Series
from vouchml.serving.metrics.shared_folder import Totals


def exposition(totals: Totals, layout: Layout) -> bytes:
    """The answer to a scrape. A series that has counted nothing is there too, with zero."""
    return generate_latest(_Collector(totals, layout))


@dataclass(frozen=True, eq=False)
class _Collector:
    totals: Totals
    layout: Layout

    def collect(self) -> Iterable[Metric]:
        """Every family, in the order of `SERIES`, then the facts."""
        for series in self.layout.series:
            yield self._family(series)
        yield from _facts(self.totals)

    def _family(self, series: Series) -> Metric:
        values, starts = self.totals.values, self.layout.starts[series.name]
        if series.kind == "histogram":
            histogram = HistogramMetricFamily(series.name, series.about, labels=series.label_names)
            for member, start in starts.items():
                *counts, total = values[start : start + series.width]
                histogram.add_metric(member, _cumulative(series, counts), total)
            return histogram
        kind = CounterMetricFamily if series.kind == "counter" else GaugeMetricFamily
        family = kind(series.name, series.about, labels=series.label_names)
        for member, start in starts.items():
            family.add_metric(member, values[start])
        return family


def _cumulative(series: Series, counts: list[float]) -> list[tuple[str, float]]:
    return list(zip((*map(str, series.buckets), "+Inf"), accumulate(counts), strict=True))


def _facts(totals: Totals) -> Iterator[Metric]:
    labels = ("version", "model_digest", "role")
    served = GaugeMetricFamily("vouch_model_served", "Living workers that serve this version.", labels=labels)
    entries = (entry for note in totals.living for entry in note.get("served", ()))
    workers = Counter(tuple(entry[label] for label in labels) for entry in entries)
    for values, count in sorted(workers.items()):
        served.add_metric(values, count)
    yield served
    yield GaugeMetricFamily("vouch_workers", "Living workers.", value=len(totals.living))
    build = GaugeMetricFamily("vouch_build_info", "The release of vouchml that answers.", labels=("version",))
    build.add_metric((__version__,), 1)
    yield build
