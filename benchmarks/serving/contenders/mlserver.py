"""A peer: MLServer with its scikit-learn runtime over the Open Inference Protocol, scoring in the server's process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.serving.contenders.base import PROGRAMS, Workplace
from benchmarks.serving.machine import bench_environment
from benchmarks.serving.results import CONNECTIONS, Kind, NotMeasured
from benchmarks.serving.trained_model import TrainedModel

MODEL = "classifier"


@dataclass(frozen=True)
class MlServer:
    """`mlserver start`. A pool of one worker would only add a hop on one core, so there is none."""

    name: str = "MLServer"
    kind: Kind = "peer"
    what: str = "mlserver start, scikit-learn runtime, tensor in"
    requirements: tuple[str, ...] = (
        "mlserver==1.7.1",
        "mlserver-sklearn==1.7.1",
        "scikit-learn==1.9.1",
        "pandas==3.1.1",
        "numpy==2.4.6",
    )
    path: str = f"/v2/models/{MODEL}/infer"
    connections: tuple[int, ...] = CONNECTIONS

    def prepare(self, place: Workplace) -> None:
        """Write the pipeline as joblib, with the scikit-learn of its environment, and the model's settings."""
        target = place.folder / "model.joblib"
        done = subprocess.run(
            [str(place.python), "-m", f"{PROGRAMS}.write_joblib", str(target)],
            env=bench_environment() | {"BENCH_MODEL": str(place.model.export)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotMeasured(f"its model could not be written: {done.stderr.strip().splitlines()[-1]}")
        model = {
            "name": MODEL,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": str(target), "extra": {"predict_fn": "predict_proba"}},
        }
        (place.folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")

    def command(self, place: Workplace, port: int) -> Sequence[str]:
        """The command of MLServer's documentation."""
        settings = {"host": "127.0.0.1", "http_port": port, "parallel_workers": 0, "debug": False}
        # Port 0 lets the system choose: nothing is asked over gRPC or of the metrics.
        document = settings | {"grpc_port": 0, "metrics_endpoint": None}
        (place.folder / "settings.json").write_text(json.dumps(document), encoding="utf-8")
        return [str(place.python.with_name("mlserver")), "start", str(place.folder)]

    def environment(self, place: Workplace) -> Mapping[str, str]:
        """None."""
        return {}

    def body(self, model: TrainedModel) -> bytes:
        """One FP64 tensor."""
        row = model.first_row
        tensor = {"name": "features", "shape": [1, len(row)], "datatype": "FP64", "data": [row]}
        return json.dumps({"inputs": [tensor]}).encode()

    def probability(self, answer: bytes) -> float:
        """`predict_proba` gives a tensor of two columns; the positive class is the second."""
        return float(json.loads(answer)["outputs"][0]["data"][1])


MLSERVER = MlServer()
