"""Draw requests a second and the median at one connection, one bar a contender."""

from __future__ import annotations

from pathlib import Path

from benchmarks.serving.results import Contest, Kind, Results

COLOURS: dict[Kind, str] = {"ours": "#1b6ca8", "limit": "#b9c2c9", "peer": "#d98c3f"}
HATCHES: dict[Kind, str] = {"ours": "", "limit": "//", "peer": ".."}


def draw(results: Results, target: Path) -> None:
    """Write a PNG to `target`."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    measured = [entry for entry in results.contests if entry.rounds]
    measured.sort(key=lambda entry: entry.requests_per_second(32))
    figure = Figure(figsize=(11, 0.45 * len(measured) + 1.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _bars(left, measured, [entry.requests_per_second(32) for entry in measured], "{:,.0f}")
    left.set_title("Requests a second, 32 connections (log scale)", loc="left", fontsize=10)
    _bars(right, measured, [entry.p50(1) for entry in measured], "{:,.0f} µs")
    right.set_title("Median time of a request, 1 connection (log scale)", loc="left", fontsize=10)
    handles = [Patch(facecolor=COLOURS[kind], hatch=HATCHES[kind], edgecolor="white", label=kind) for kind in COLOURS]
    figure.legend(handles=handles, loc="outside lower right", ncols=3, frameon=False)
    figure.savefig(target, dpi=130)


def _bars(axes: object, measured: list[Contest], values: list[float], text: str) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    names = [entry.name for entry in measured]
    drawn = axes.barh(names, values, color=[COLOURS[entry.kind] for entry in measured], edgecolor="white")
    for bar, entry in zip(drawn, measured, strict=True):
        bar.set_hatch(HATCHES[entry.kind])
    axes.bar_label(drawn, labels=[text.format(value) for value in values], padding=3, fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 2, max(values) * 6)
    axes.spines[["top", "right"]].set_visible(False)
