"""The files of a version: an MLflow scikit-learn model (skops) with the contract, its other forms and golden rows.

`mlflow.pyfunc`, `mlflow.sklearn` and, where parity holds, `mlflow.onnx` load it. `mlflow.pyfunc` answers with
probabilities: a label is a decision at the contract's threshold, which MLflow does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vouchml.model.contract import CONTRACT_FILE, Contract
from vouchml.model.scorers.onnx import MODEL_FILE as ONNX_FILE
from vouchml.model.scorers.sklearn import trusted_types

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

REQUIREMENTS: Final = ("mlflow", "numpy", "onnxruntime", "pandas", "scikit-learn", "scipy", "skops")
EXAMPLE_ROWS: Final = 5


@dataclass(frozen=True)
class ModelFiles:
    """What becomes the files of a version. MLflow calls `save_model`, as it does with its own flavors.

    `files` are the forms that passed parity (one that differs from the model is not shipped) and what else of our own
    goes beside the contract, by name.
    """

    pipeline: Pipeline
    contract: Contract
    files: Mapping[str, bytes]
    frame: pd.DataFrame

    def save_model(self, path: str, mlflow_model: Any, **_: Any) -> None:
        """Write the files to `path` and describe them in `mlflow_model`."""
        import mlflow.sklearn
        from mlflow.models import ModelSignature, infer_signature

        example = self.frame.head(EXAMPLE_ROWS)
        outputs = infer_signature(example, self.pipeline.predict_proba(example)).outputs
        mlflow.sklearn.save_model(
            self.pipeline,
            path,
            mlflow_model=mlflow_model,
            serialization_format="skops",
            skops_trusted_types=trusted_types(self.contract),
            signature=ModelSignature(inputs=self._inputs(), outputs=outputs),
            input_example=example,
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            pyfunc_predict_fn="predict_proba",
        )
        folder = Path(path)
        (folder / CONTRACT_FILE).write_bytes(self.contract.to_bytes())
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        if ONNX_FILE in self.files:
            mlflow_model.add_flavor(
                "onnx", onnx_version=version("onnx"), data=ONNX_FILE, providers=["CPUExecutionProvider"], code=None
            )
            mlflow_model.save(folder / "MLmodel")

    def _inputs(self) -> Any:
        """The contract's columns in MLflow's words; the example alone may show no null."""
        from mlflow.types import ColSpec, DataType, Schema

        types = {"number": DataType.double, "category": DataType.string}
        return Schema(
            [
                ColSpec(types[feature.type], feature.name, required=not feature.nullable)
                for feature in self.contract.features
            ]
        )
