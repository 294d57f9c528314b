from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from sklearn.metrics import roc_auc_score

from vouchml.errors import FolderNotWritable
from vouchml.training.cross_validation import CrossValidation
from vouchml.training.evaluation import Evaluation, evaluate
from vouchml.training.metrics import Bools, Floats
from vouchml.training.plots import calibration, confusion_matrix, pr_curve, roc_curve, wilson, write_plots

NAMES = ("confusion_matrix.png", "roc_curve.png", "pr_curve.png", "calibration.png")
Scored = tuple[Bools, Floats, Evaluation]


def make(labels: tuple[str, str] = ("malignant", "benign"), *, positive: int = 1, rows: int = 114) -> Scored:
    generator = np.random.default_rng(0)
    y_true = np.arange(rows) < 0.6 * rows
    p = np.where(y_true, generator.beta(4, 2, rows), generator.beta(2, 4, rows))
    evaluation = evaluate(
        y_true,
        p,
        labels=labels,
        positive_class=labels[positive],
        threshold=0.5,
        resamples=100,
        random_state=42,
        cross_validation=CrossValidation(folds=0),
    )
    return y_true, p, evaluation


def words(figure: Figure) -> str:
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def test_the_four_plots_are_written_and_the_same_bytes_again(tmp_path: Path) -> None:
    first = write_plots(tmp_path / "a", *make())
    again = write_plots(tmp_path / "b", *make())
    assert tuple(path.name for path in first) == NAMES
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert all(imread(path).std() > 0.05 for path in first)


def test_a_png_names_no_software_and_no_date(tmp_path: Path) -> None:
    for path in write_plots(tmp_path, *make()):
        assert not any(chunk in path.read_bytes() for chunk in (b"tEXt", b"iTXt", b"tIME"))


def test_no_pyplot_and_no_window_are_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    write_plots(tmp_path, *make())
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize(
    "labels",
    [
        ("$not_approved$", "approved_$x^{2"),
        ("näive \u4f60\u597d", "\u05d0\u05d1 \U0001f600\t\x07"),
        ("a very long label name " * 8, "x" * 200),
        ("_", "0"),
        ("%d {rows} \\frac", "$$"),
    ],
    ids=["mathtext", "scripts", "long", "tiny", "escapes"],
)
def test_any_label_names_can_be_drawn_without_a_warning(tmp_path: Path, labels: tuple[str, str]) -> None:
    write_plots(tmp_path, *make(labels))


def test_the_confusion_matrix_shows_every_count_and_names_the_positive_class() -> None:
    _, _, evaluation = make()
    text = words(confusion_matrix(evaluation))
    assert all(f"{count}\n" in text + "\n" for row in evaluation.confusion for count in row)
    assert "benign\n(positive)" in text
    assert "114 test rows" in text


@pytest.mark.parametrize("positive", [0, 1])
def test_the_curves_show_area_interval_and_the_point_at_the_threshold(positive: int) -> None:
    y_true, p, evaluation = make(positive=positive)
    area = evaluation.metrics["roc_auc"]
    figure = roc_curve(y_true, p, evaluation)
    assert f"area {roc_auc_score(y_true, p):.3f} (95 % interval {area.low:.3f} to {area.high:.3f})" in words(figure)
    curve, _, point = figure.axes[0].get_lines()
    assert np.asarray(point.get_xydata()).tolist() == [[(p[~y_true] >= 0.5).mean(), (p[y_true] >= 0.5).mean()]]
    assert np.asarray(curve.get_xydata())[-1].tolist() == [1.0, 1.0]


def test_the_precision_recall_curve_shows_the_prevalence() -> None:
    y_true, p, evaluation = make()
    assert f"prevalence {y_true.mean():.3f}" in words(pr_curve(y_true, p, evaluation))


def test_calibration_shows_how_many_rows_stand_behind_each_point() -> None:
    y_true, p, evaluation = make()
    figure = calibration(y_true, p, evaluation)
    heights = [bar.get_height() for bar in figure.axes[1].containers[0]]
    assert heights == np.histogram(p, bins=10, range=(0, 1))[0].tolist()


def test_a_figure_that_is_not_quite_1_is_not_shown_as_1() -> None:
    y_true = np.arange(4000) < 2000
    p = np.where(y_true, 0.9, 0.1)
    p[0] = 0.05
    evaluation = evaluate(
        y_true,
        p,
        labels=("no", "yes"),
        positive_class="yes",
        threshold=0.5,
        resamples=100,
        random_state=42,
        cross_validation=CrossValidation(folds=0),
    )
    assert "area 0.9995 " in words(roc_curve(y_true, p, evaluation))


def test_wilsons_interval_is_the_published_one() -> None:
    low, high = wilson(np.array([81.0, 0.0, 20.0]), np.array([263.0, 20.0, 20.0]), level=0.95)
    assert low == pytest.approx([0.2553, 0.0, 0.8389], abs=5e-5)  # R. G. Newcombe, Stat. Med. 17 (1998), table I
    assert high == pytest.approx([0.3662, 0.1611, 1.0], abs=5e-5)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderNotWritable, match="does not take the plots"):
        write_plots(tmp_path / "file" / "plots", *make())
