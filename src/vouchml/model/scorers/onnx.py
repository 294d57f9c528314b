"""Score with ONNX Runtime, in float64, on one thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BundleInvalid
from vouchml.model.bundle import Bundle
from vouchml.model.onnx_runtime import import_onnxruntime

MODEL_FILE: Final = "model.onnx"
INPUT: Final = "features"
PROBABILITIES: Final = "probabilities"
WEIGHTS_FOLDER: Final = "session.model_external_initializers_file_folder_path"


@dataclass(frozen=True)
class OnnxScorer:
    """An ONNX model whose parity with scikit-learn was shown at training."""

    session: Any
    positive_index: int

    @classmethod
    def load(cls, bundle: Bundle) -> OnnxScorer:
        """Load `model.onnx`.

        Raises:
            BundleInvalid: the file is missing, broken or takes another number of features than the contract.
        """
        path = bundle.folder / MODEL_FILE
        if not path.is_file():
            raise BundleInvalid(
                f"The contract says scorer = onnx, but the version has no {MODEL_FILE}.", remedy="Train it again."
            )
        try:
            session = open_session(path.read_bytes(), weights_below=bundle.folder)
        # onnxruntime's errors have no base but Exception, and a broken file raises ValueError and others besides.
        except Exception as error:
            raise BundleInvalid(f"{MODEL_FILE} cannot be loaded.", remedy="Train the version again.") from error
        inputs = {entry.name: (entry.type, *entry.shape[-1:]) for entry in session.get_inputs()}
        outputs = {entry.name: (entry.type, *entry.shape[-1:]) for entry in session.get_outputs()}
        expected = len(bundle.contract.features)
        if inputs != {INPUT: ("tensor(double)", expected)} or outputs.get(PROBABILITIES) != ("tensor(double)", 2):
            raise BundleInvalid(
                f"{MODEL_FILE} does not take {expected} float64 features, as the contract says.",
                remedy="Train the version again.",
            )
        return cls(session=session, positive_index=bundle.contract.positive_index)

    def positive_probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of the positive class for each of `rows`, shape (rows, features) → (rows,)."""
        probabilities: NDArray[np.float64] = self.session.run([PROBABILITIES], {INPUT: rows})[0]
        return probabilities[:, self.positive_index]

    def positive_probability_of_one(self, row: NDArray[np.float64]) -> float:
        """The probability of the positive class for one row, shape (features,)."""
        return float(self.session.run([PROBABILITIES], {INPUT: row[np.newaxis]})[0][0, self.positive_index])


def open_session(model: bytes, *, weights_below: Path | None = None) -> Any:
    """An ONNX Runtime session for `model`, on one thread.

    A graph may name other files for its weights. With `weights_below` those in that folder are read and no others;
    without it any below the folder that the program runs in, which no digest covers: for graphs of our own making only.

    Raises:
        Exception: one of onnxruntime's own, where the bytes are not a model that it can run.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    # One thread: a row takes microseconds, and sums that are split over threads differ in their last bits.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # What goes wrong is raised; printing it as well, or trying again on the same processor, helps nobody.
    options.log_severity_level = 4
    if weights_below is not None:
        options.add_session_config_entry(WEIGHTS_FOLDER, str(weights_below))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
