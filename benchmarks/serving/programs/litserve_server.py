"""LitServe: `python -m benchmarks.serving.programs.litserve_server PORT`."""

from __future__ import annotations

import sys
from typing import Any

import litserve
import numpy as np

from benchmarks.serving.programs.exported_model import read_exported_model
from benchmarks.serving.programs.pipeline import make_pipeline


class Classifier(litserve.LitAPI):
    """The four steps of a LitAPI."""

    def setup(self, device: str) -> None:
        """Load the model in the worker."""
        self.exported = read_exported_model()
        self.pipeline = make_pipeline(self.exported, named=False)

    # LitServe hands on the JSON only where `request` has no annotation.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        """The row as an array."""
        return np.array([request["row"]], dtype=np.float64)

    def predict(self, x: Any) -> float:
        """Score one row."""
        return float(self.pipeline.predict_proba(x)[0, self.exported.positive_index])

    def encode_response(self, output: float) -> dict[str, Any]:
        """The answer."""
        model = self.exported
        label = model.positive_label if output >= model.threshold else model.negative_label
        return {"probability_positive_class": output, "prediction_label": label}


if __name__ == "__main__":
    server = litserve.LitServer(Classifier(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
