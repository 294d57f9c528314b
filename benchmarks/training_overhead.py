"""How much longer `vouch train` takes than the same fit with plain MLflow logging, as a person waits for it.

`python -m benchmarks.training_overhead` (`make bench`) runs whole processes in turn, A B C D A B C D …, each
contender against an SQLite database of its own in a temporary folder. benchmarks/README.md says how to read it.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import plain_mlflow
from benchmarks.interval_speed import show_interval_speed
from benchmarks.timed_process import BEFORE_THE_FIRST_STEP, Timed, timed

REPOSITORY: Final = Path(__file__).resolve().parents[1]
ROUNDS: Final = 5
ALLOWED_RATIO: Final = 2.0
PIPED_WIDTH: Final = 120
PLAIN: Final = (sys.executable, plain_mlflow.__file__)


@dataclass(frozen=True)
class Contender:
    """A name, the command, and what is different about it."""

    name: str
    command: tuple[str, ...]


VOUCH: Final = Contender("vouch train", (str(Path(sys.executable).with_name("vouch")), "train"))
# The shortest of them is the one that counts.
BASELINE: Final = Contender("plain MLflow, requirements written by hand", (*PLAIN, "--pinned"))
OTHERS: Final = (
    Contender("the same, with cross-validation", (*PLAIN, "--pinned", "--cross-validation")),
    Contender("plain MLflow as its documentation has it", PLAIN),
)


def main() -> int:
    """Measure and print; 1 when an allowed figure is exceeded."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    with TemporaryDirectory() as folder:
        measured = measure((VOUCH, BASELINE, *OTHERS), Path(folder), console)
        in_process = {kind: in_process_seconds(kind, Path(folder)) for kind in ("vouch", "plain")}
    console.print(_whole_commands(measured))
    console.print(_steps(measured[VOUCH.name], measured[BASELINE.name]))
    ratio = _median(measured[VOUCH.name]) / _median(measured[BASELINE.name])
    met = ratio <= ALLOWED_RATIO
    console.print(f"Overhead: {ratio:.2f} x (allowed: {ALLOWED_RATIO:g} x, {'met' if met else 'NOT MET'})")
    console.print(
        f"With all libraries loaded, in one process: {in_process['vouch']:.2f} s and {in_process['plain']:.2f} s, "
        f"{in_process['vouch'] / in_process['plain']:.2f} x"
    )
    return 0 if show_interval_speed(console) and met else 1


def measure(contenders: Sequence[Contender], folder: Path, console: Console) -> Mapping[str, list[Timed]]:
    """Every contender `ROUNDS` times in turn, after one time that makes its database and warms the disk cache."""
    homes = {each.name: _project(folder / str(number)) for number, each in enumerate(contenders)}
    measured: dict[str, list[Timed]] = {each.name: [] for each in contenders}
    for number in range(ROUNDS + 1):
        for each in contenders:
            taken = timed(each.command, cwd=homes[each.name])
            if number:
                measured[each.name].append(taken)
            round_name = f"round {number} of {ROUNDS}" if number else "first run"
            console.print(f"{round_name:<14} {taken.seconds:5.2f} s  {each.name}")
    return measured


def in_process_seconds(kind: str, folder: Path) -> float:
    """The median seconds of one training after the first in a process."""
    command = [sys.executable, "-m", "benchmarks.repeated_in_process", kind, str(_project(folder / kind))]
    done = subprocess.run([*command, str(ROUNDS + 1)], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return statistics.median(seconds[1:])


def _project(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    shutil.copy(REPOSITORY / "vouch.toml", folder)
    shutil.copy(REPOSITORY / "data" / "breast_cancer.csv", folder / "data")
    return folder


def _whole_commands(measured: Mapping[str, list[Timed]]) -> Table:
    table = _table("Whole commands, seconds", "Contender", "Median", "Fastest", "Slowest", "vouch train / it")
    ours = _median(measured[VOUCH.name])
    for name, taken in measured.items():
        seconds = [each.seconds for each in taken]
        figures = (statistics.median(seconds), min(seconds), max(seconds), ours / statistics.median(seconds))
        table.add_row(name, *(f"{figure:.2f}" for figure in figures))
    return table


def _steps(ours: Sequence[Timed], plain: Sequence[Timed]) -> Table:
    table = _table("Where the time goes, median seconds", "Step", VOUCH.name, "plain", "More")
    for step in dict.fromkeys([BEFORE_THE_FIRST_STEP, *ours[0].steps, *plain[0].steps]):
        figures = [statistics.median(each.steps.get(step, 0.0) for each in taken) for taken in (ours, plain)]
        table.add_row(step, *(f"{figure:.2f}" for figure in (*figures, figures[0] - figures[1])))
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def _median(taken: Sequence[Timed]) -> float:
    return statistics.median(each.seconds for each in taken)


if __name__ == "__main__":
    raise SystemExit(main())
