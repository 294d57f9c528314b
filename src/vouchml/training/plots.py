"""The four pictures of a run: confusion matrix, ROC curve, precision-recall curve and calibration.

Each function returns a matplotlib `Figure` of its own: no pyplot, no window, no global state. `write_plots` saves them
as PNG files whose bytes depend on the figures and the installed matplotlib only. Colours are from Okabe and Ito's
palette, which people with a colour vision deficiency can tell apart, and no meaning is carried by colour alone.
"""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from vouchml.errors import FolderNotWritable
from vouchml.training.evaluation import Evaluation
from vouchml.training.metrics import Bools, Floats
from vouchml.training.plot_text import LabelText, new_label_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 110
_BLUE, _ORANGE, _GREY, _INK = "#0072B2", "#D55E00", "#767676", "#222222"
_BINS = 10


def write_plots(folder: Path, y_true: Bools, p: Floats, evaluation: Evaluation) -> tuple[Path, ...]:
    """Write the four PNG files into `folder`, which is made if need be, and give their paths.

    Raises:
        FolderNotWritable: a file cannot be written there.
    """
    figures = {
        "confusion_matrix.png": confusion_matrix(evaluation),
        "roc_curve.png": roc_curve(y_true, p, evaluation),
        "pr_curve.png": pr_curve(y_true, p, evaluation),
        "calibration.png": calibration(y_true, p, evaluation),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            figure.savefig(folder / name, format="png", dpi=_DPI, metadata={"Software": None})
    except OSError as error:
        raise FolderNotWritable(
            f"{folder} does not take the plots: {error.strerror or 'it cannot be written'}.",
            remedy="Free space there, or give yourself the right to write.",
        ) from error
    return tuple(folder / name for name in figures)


def confusion_matrix(evaluation: Evaluation) -> Figure:
    """Draw the counts with their share of the true class; the darker a cell, the larger its share."""
    text, counts = new_label_text(), np.array(evaluation.confusion)
    figure, axes = _new_figure(width=6.4, height=5.4)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        ink = "white" if shares[row, column] > 0.75 else _INK
        axes.text(column, row - 0.07, f"{count:,}", ha="center", va="center", color=ink, size=24)
        share = f"{100 * shares[row, column]:.1f} % of true\n{text.short(evaluation.labels[row])}"
        axes.text(column, row + 0.19, share, ha="center", va="center", color=ink, size=10, **text.style)
    ticks = [
        text.wrapped(label) + ("\n(positive)" if label == evaluation.positive_class else "")
        for label in evaluation.labels
    ]
    axes.set_xticks([0, 1], ticks, **text.style)
    axes.set_yticks([0, 1], ticks, rotation=90, va="center", **text.style)
    axes.set_xticks([0.5], minor=True)
    axes.set_yticks([0.5], minor=True)
    axes.grid(visible=True, which="minor", color="white", linewidth=3)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted class", size=11, labelpad=8)
    axes.set_ylabel("True class", size=11, labelpad=8)
    positive = text.short(evaluation.positive_class)
    _title(
        axes, "Confusion matrix", f"{_rows(evaluation)}; predicted {positive} from P ≥ {evaluation.threshold:g}", text
    )
    return figure


def roc_curve(y_true: Bools, p: Floats, evaluation: Evaluation) -> Figure:
    """Draw the ROC curve, its area with interval, and the point at the threshold."""
    from sklearn.metrics import roc_curve as curve

    text = new_label_text()
    figure, axes = _new_figure(width=6.4, height=6.2)
    false_positive_rate, true_positive_rate, _ = curve(y_true, p)
    name = f"Model: area {_with_interval(evaluation, 'roc_auc')}"
    axes.plot(false_positive_rate, true_positive_rate, color=_BLUE, linewidth=2.2, label=name)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1.2, linestyle="--", label="Guessing: area 0.500")
    index = evaluation.labels.index(evaluation.positive_class)
    at_threshold = evaluation.confusion[1 - index][index] / (evaluation.rows - evaluation.positives)
    _mark_threshold(axes, x=at_threshold, y=evaluation.metrics["recall"].value, evaluation=evaluation)
    positive, negative = text.short(evaluation.positive_class), text.short(evaluation.negative_class)
    _unit_square(axes)
    axes.set_xlabel(f"False positive rate\n(share of {negative} predicted {positive})", **text.style)
    axes.set_ylabel(f"True positive rate\n(share of {positive} that is found)", **text.style)
    _legend(figure, axes)
    _title(axes, "ROC curve", f"{_rows(evaluation)}; positive class {positive}", text)
    return figure


def pr_curve(y_true: Bools, p: Floats, evaluation: Evaluation) -> Figure:
    """Draw the precision-recall curve, its average precision with interval, and the prevalence."""
    from sklearn.metrics import precision_recall_curve

    text = new_label_text()
    figure, axes = _new_figure(width=6.4, height=6.2)
    precision, recall, _ = precision_recall_curve(y_true, p, drop_intermediate=True)
    name = f"Model: average precision {_with_interval(evaluation, 'average_precision')}"
    axes.plot(recall, precision, color=_BLUE, linewidth=2.2, drawstyle="steps-post", label=name)
    prevalence = evaluation.positives / evaluation.rows
    guessing = f"Guessing: prevalence {prevalence:.3f}"
    axes.axhline(prevalence, color=_GREY, linewidth=1.2, linestyle="--", label=guessing)
    at_recall, at_precision = evaluation.metrics["recall"].value, evaluation.metrics["precision"].value
    _mark_threshold(axes, x=at_recall, y=at_precision, evaluation=evaluation)
    positive = text.short(evaluation.positive_class)
    _unit_square(axes)
    axes.set_xlabel(f"Recall\n(share of {positive} that is found)", **text.style)
    axes.set_ylabel(f"Precision\n(share of predicted {positive} that is right)", **text.style)
    _legend(figure, axes)
    _title(axes, "Precision and recall", f"{_rows(evaluation)}; positive class {positive}", text)
    return figure


def calibration(y_true: Bools, p: Floats, evaluation: Evaluation) -> Figure:
    """Draw what share of rows is positive at each predicted probability, over how many rows there are.

    Ten bins of equal width; the bars are Wilson's interval (E. B. Wilson, JASA 22 (1927) 209-212).
    """
    text = new_label_text()
    figure, axes, below = _new_figure_with_strip(width=6.4, height=6.8)
    bins = np.minimum((p * _BINS).astype(np.intp), _BINS - 1)
    rows, positives, sums = (
        np.bincount(bins, weights, _BINS).astype(np.float64) for weights in (np.ones_like(p), y_true, p)
    )
    seen = rows > 0
    mean, share = sums[seen] / rows[seen], positives[seen] / rows[seen]
    low, high = wilson(positives[seen], rows[seen], level=evaluation.level)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1.2, linestyle="--", label="Perfect calibration")
    axes.errorbar(
        mean,
        share,
        yerr=(share - low, high - share),
        color=_BLUE,
        fmt="o",
        markersize=6,
        capsize=3,
        elinewidth=1.5,
        label=f"Model, with {_level(evaluation)} Wilson interval",
    )
    positive = text.short(evaluation.positive_class)
    _unit_square(axes)
    axes.set_ylabel(f"Share that is {positive}", **text.style)
    _legend(figure, axes)
    bars = below.bar((np.arange(_BINS) + 0.5) / _BINS, rows, width=0.92 / _BINS, color=_BLUE)
    below.bar_label(bars, labels=[f"{int(count):,}" for count in rows], size=8, padding=1, color=_INK)
    below.set_ylim(0, rows.max() * 1.25)
    below.set_ylabel("Rows")
    below.locator_params(axis="y", nbins=3, integer=True)
    below.yaxis.set_major_formatter("{x:,.0f}")
    below.set_xlabel(f"Predicted probability of {positive}", **text.style)
    brier = f"Brier score {_with_interval(evaluation, 'brier')}"
    _title(axes, "Calibration", f"{_rows(evaluation)}; {brier}", text)
    return figure


def wilson(positives: Floats, rows: Floats, *, level: float) -> tuple[Floats, Floats]:
    """Give the two ends of Wilson's score interval for each share `positives / rows`."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = positives / rows
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return np.minimum(middle - half, share).clip(0, 1), np.maximum(middle + half, share).clip(0, 1)


def _new_figure(*, width: float, height: float) -> tuple[Figure, Axes]:
    figure = _bare_figure(width, height)
    axes = figure.add_subplot()
    _quiet(axes)
    return figure, axes


def _new_figure_with_strip(*, width: float, height: float) -> tuple[Figure, Axes, Axes]:
    figure = _bare_figure(width, height)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    _quiet(axes)
    _quiet(below)
    return figure, axes, below


def _bare_figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _quiet(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.8)


def _legend(figure: Figure, axes: Axes) -> None:
    """Explain the marks under the axes, where nothing can be covered."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", frameon=False)


def _title(axes: Axes, title: str, subtitle: str, text: LabelText) -> None:
    axes.set_title(title, loc="left", size=14, weight="bold", color=_INK, pad=26)
    axes.annotate(
        subtitle,
        xy=(0, 1),
        xytext=(0, 9),
        xycoords="axes fraction",
        textcoords="offset points",
        size=10,
        color="#555555",
        **text.style,
    )


def _mark_threshold(axes: Axes, *, x: float, y: float, evaluation: Evaluation) -> None:
    name = f"At threshold {evaluation.threshold:g}"
    axes.plot([x], [y], color=_ORANGE, marker="D", markersize=8, markeredgecolor="white", linestyle="", label=name)


def _with_interval(evaluation: Evaluation, name: str) -> str:
    estimate = evaluation.metrics[name]
    value, low, high = (_decimals(number) for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({_level(evaluation)} interval {low} to {high})"


def _decimals(value: float) -> str:
    """Write a number with three decimals, and more where three would make it a 0 or 1 that it is not."""
    texts = (f"{value:.{digits}f}" for digits in range(3, 8))
    return next((text for text in texts if float(text) not in (0.0, 1.0)), f"{value:.3f}")


def _level(evaluation: Evaluation) -> str:
    return f"{100 * evaluation.level:g} %"


def _rows(evaluation: Evaluation) -> str:
    return f"{evaluation.rows:,} test rows"
