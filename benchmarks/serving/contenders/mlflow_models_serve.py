"""A peer: `mlflow models serve`, MLflow's own scoring server on the very version that ours serves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.serving.contenders.base import Workplace
from benchmarks.serving.results import CONNECTIONS, Kind
from benchmarks.serving.trained_model import TrainedModel


@dataclass(frozen=True)
class MlflowModelsServe:
    """The scoring server with one worker, in an environment that has what the model asks for."""

    name: str = "mlflow models serve"
    kind: Kind = "peer"
    what: str = "MLflow's scoring server, env-manager local"
    requirements: tuple[str, ...] = (
        "mlflow==3.17.2",
        "scikit-learn==1.9.1",
        "skops==0.16.0",
        "onnxruntime==1.31.0",
        "pandas==3.1.1",
        "numpy==2.4.6",
    )
    path: str = "/invocations"
    connections: tuple[int, ...] = CONNECTIONS

    def prepare(self, place: Workplace) -> None:
        """Nothing: it reads the registry of the project."""

    def command(self, place: Workplace, port: int) -> Sequence[str]:
        """The command of MLflow's documentation."""
        uri = f"models:/{place.model.registered_model}/{place.model.stage}"
        options = ["--host", "127.0.0.1", "--port", str(port), "--env-manager", "local", "--workers", "1"]
        return [str(place.python), "-m", "mlflow", "models", "serve", "--model-uri", uri, *options]

    def environment(self, place: Workplace) -> Mapping[str, str]:
        """The store of the project."""
        return {"MLFLOW_TRACKING_URI": place.model.tracking_uri}

    def body(self, model: TrainedModel) -> bytes:
        """`dataframe_split`, the format that MLflow recommends."""
        return split_body(model, [model.first_row])

    def probability(self, answer: bytes) -> float:
        """The model answers `predict_proba`: a row of two; the positive class is the second."""
        return float(json.loads(answer)["predictions"][0][1])


def split_body(model: TrainedModel, rows: Sequence[Sequence[float]]) -> bytes:
    """Rows as `dataframe_split`."""
    return json.dumps({"dataframe_split": {"columns": list(model.names), "data": [list(row) for row in rows]}}).encode()


MLFLOW_MODELS_SERVE = MlflowModelsServe()
