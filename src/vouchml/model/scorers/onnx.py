"""Score with ONNX Runtime, in float64, on one thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BundleInvalid
from vouchml.model.bundle import Bundle

MODEL_FILE: Final = "model.onnx"
INPUT: Final = "features"
PROBABILITIES: Final = "probabilities"


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
        from onnxruntime.capi.onnxruntime_pybind11_state import (
            Fail,
            InvalidArgument,
            InvalidGraph,
            InvalidProtobuf,
            NoSuchFile,
        )

        try:
            session = open_session((bundle.folder / MODEL_FILE).read_bytes())
        except FileNotFoundError:
            raise BundleInvalid(
                f"The contract says scorer = onnx, but the version has no {MODEL_FILE}.", remedy="Train it again."
            ) from None
        except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile) as error:
            raise BundleInvalid(f"{MODEL_FILE} cannot be loaded.", remedy="Train the version again.") from error
        inputs = {entry.name: (entry.type, entry.shape[-1]) for entry in session.get_inputs()}
        outputs = {entry.name: (entry.type, entry.shape[-1]) for entry in session.get_outputs()}
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


def open_session(model: bytes) -> Any:
    """An ONNX Runtime session for `model`, on one thread.

    Raises:
        Exception: one of onnxruntime's own, where the bytes are not a model that it can run.
    """
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    # One thread: a row takes microseconds, and sums that are split over threads differ in their last bits.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return InferenceSession(model, options, providers=["CPUExecutionProvider"])
