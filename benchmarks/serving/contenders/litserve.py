"""A peer: LitServe, one API server and one inference worker, the row as an array."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.serving.contenders.base import PROGRAMS, Workplace, probability_field
from benchmarks.serving.results import CONNECTIONS, Kind
from benchmarks.serving.trained_model import TrainedModel


@dataclass(frozen=True)
class LitServe:
    """A `LitServer` with one worker on the CPU."""

    name: str = "LitServe"
    kind: Kind = "peer"
    what: str = "LitServer, one worker, array in"
    requirements: tuple[str, ...] = (
        "litserve==0.2.19",
        "fastapi==0.165.0",
        "uvicorn[standard]==0.54.0",
        "scikit-learn==1.9.1",
        "numpy==2.4.6",
    )
    path: str = "/predict"
    connections: tuple[int, ...] = CONNECTIONS

    def prepare(self, place: Workplace) -> None:
        """Nothing: the program reads the exported model."""

    def command(self, place: Workplace, port: int) -> Sequence[str]:
        """The program that runs the server."""
        return [str(place.python), "-m", f"{PROGRAMS}.litserve_server", str(port)]

    def environment(self, place: Workplace) -> Mapping[str, str]:
        """None."""
        return {}

    def body(self, model: TrainedModel) -> bytes:
        """The row as an array."""
        return json.dumps({"row": model.first_row}).encode()

    def probability(self, answer: bytes) -> float:
        """The field of the answer."""
        return probability_field(json.loads(answer))


LITSERVE = LitServe()
