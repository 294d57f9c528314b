"""A peer: BentoML, one worker, the row as an array."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.serving.contenders.base import PROGRAMS, Workplace, probability_field
from benchmarks.serving.machine import REPOSITORY
from benchmarks.serving.results import CONNECTIONS, Kind
from benchmarks.serving.trained_model import TrainedModel


@dataclass(frozen=True)
class BentoServe:
    """`bentoml serve` of a service class."""

    name: str = "BentoML"
    kind: Kind = "peer"
    what: str = "bentoml serve, one worker, array in"
    requirements: tuple[str, ...] = ("bentoml==1.4.40", "scikit-learn==1.9.1", "numpy==2.4.6")
    path: str = "/predict"
    connections: tuple[int, ...] = CONNECTIONS

    def prepare(self, place: Workplace) -> None:
        """Nothing: the service reads the exported model."""

    def command(self, place: Workplace, port: int) -> Sequence[str]:
        """The command of BentoML's documentation, run for production."""
        service = f"{PROGRAMS}.bentoml_service:Classifier"
        options = ["--working-dir", str(REPOSITORY), "--host", "127.0.0.1", "--port", str(port)]
        return [str(place.python), "-m", "bentoml", "serve", service, *options]

    def environment(self, place: Workplace) -> Mapping[str, str]:
        """Its own files stay in the folder of the bench."""
        return {"BENTOML_HOME": str(place.folder)}

    def body(self, model: TrainedModel) -> bytes:
        """One row of an array."""
        return json.dumps({"rows": [model.first_row]}).encode()

    def probability(self, answer: bytes) -> float:
        """The field of the answer."""
        return probability_field(json.loads(answer))


BENTOML = BentoServe()
