"""Draw what an append and a look-up cost over the number of records."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ledger.bars import judge
from benchmarks.ledger.results import Lookup, Results
from benchmarks.serving.plot import COLOURS

_DRAWN: dict[Lookup, tuple[str, str]] = {
    "trace": (COLOURS["ours"], "o"),
    "receipt": (COLOURS["peer"], "s"),
    "find": ("#6b7780", "^"),
}


def draw(results: Results, target: Path) -> None:
    """Write a PNG to `target`."""
    from matplotlib.figure import Figure

    millions = [stage.records / 1e6 for stage in results.stages]
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    appended = [stage.append_processor for stage in results.stages]
    left.plot(millions, appended, color=COLOURS["ours"], marker="o")
    left.set_ylim(0, 2 * max(appended))
    left.set_title(f"Append of a record in groups of {results.group}, µs of processor", loc="left", fontsize=10)
    for name, (colour, marker) in _DRAWN.items():
        times = [stage.lookups[name] for stage in results.stages]
        right.plot(millions, [each.median for each in times], color=colour, marker=marker, label=f"{name}, median")
        right.plot(millions, [each.p99 for each in times], color=colour, linestyle=":", label="99 of 100")
    right.axhline(bound := judge(results)[0].bound, color="#a33", linewidth=1)
    right.set_ylim(0, max(1.25 * bound, 1.05 * max(stage.lookups["trace"].p99 for stage in results.stages)))
    right.set_title("By a request id, ms of processor; the line is the bar", loc="left", fontsize=10)
    right.legend(frameon=False, fontsize=8, ncols=3)
    for axes in (left, right):
        axes.set_xlabel("million records in the ledger", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=130)
