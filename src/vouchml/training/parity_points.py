"""The points on which two forms of a model are compared: the rows, points around them, and points on edges.

Blocks, not one matrix: a table of a million rows and its perturbed points stay within a few tens of MiB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
PointKind = Literal["rows", "perturbed", "edges"]

_CELLS_A_BLOCK = 2_000_000
_ROWS_FOR_EDGES = 100_000
# Steps in units of a column's standard deviation: hardly off a row, near it, and among other rows.
_NOISE = (1e-6, 1e-2, 1.0)


def points_to_compare(
    values: Matrix, perturbed: int, rng: np.random.Generator, categories: Sequence[int] = ()
) -> Iterator[tuple[PointKind, Matrix]]:
    """All of `values`, and `perturbed` points of each other kind, in contiguous blocks.

    The columns at `categories` hold places of categories: these are drawn, each from all rows, and never moved.
    """
    at = np.array(categories, dtype=np.intp)
    yield from (("rows", block) for block in _slices(values))
    yield from (("perturbed", _with_drawn(block, values, at, rng)) for block in _perturbed(values, perturbed, rng))
    yield from (("edges", _with_drawn(block, values, at, rng)) for block in _edges(values, perturbed, rng))


def _with_drawn(points: Matrix, values: Matrix, at: NDArray[np.intp], rng: np.random.Generator) -> Matrix:
    if len(at):
        points[:, at] = values[rng.integers(len(values), size=(len(points), len(at))), at]
    return points


def _slices(values: Matrix) -> Iterator[Matrix]:
    step = _block_rows(values.shape[1])
    for start in range(0, len(values), step):
        yield np.ascontiguousarray(values[start : start + step])


def _block_rows(columns: int) -> int:
    return max(1, _CELLS_A_BLOCK // max(1, columns))


def _perturbed(values: Matrix, count: int, rng: np.random.Generator) -> Iterator[Matrix]:
    """Rows drawn with replacement, each moved by normal noise of one of three sizes."""
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = np.isnan(values).any(axis=0)
        spread = np.nan_to_num(values.std(axis=0), nan=0.0, posinf=0.0)
        spread[gaps] = np.nan_to_num(np.nanstd(values[:, gaps], axis=0), nan=0.0, posinf=0.0)
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
