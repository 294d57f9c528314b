"""What a form is: a file that says the model in another way, and the scorer that reads it.

A form is a faster way to the model's probabilities, never the model: where a pipeline has no such form, or one that
is not exact, the service scores with scikit-learn, so a failure to export is a value and not an error.

Adding one: a file beside this one with a `Form`, and a line in `table.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.model import Scorer
from vouchml.model.expansion import Expansion

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FormName = Literal["affine", "onnx"]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class ExportFailed:
    """The pipeline has no such form, and why."""

    reason: str


@dataclass(frozen=True)
class Form:
    """One form: the scorer that a contract names for it, what it is called in a sentence, and its file.

    `export(pipeline, training_rows, positive_index, expansion)` gives the file's bytes, `load(bytes, positive_index)`
    what scores with them, or raises where they cannot be loaded. Where the model takes categories or nulls, pipeline
    and rows are those behind the first step, and `expansion` stands for that step.
    """

    scorer: FormName
    title: str
    file: str
    export: Callable[[Pipeline, Matrix, int, Expansion | None], bytes | ExportFailed]
    load: Callable[[bytes, int], Scorer]
