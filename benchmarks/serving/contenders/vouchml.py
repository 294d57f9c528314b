"""Ours: `vouch serve`, one worker, no ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.serving.contenders.base import Workplace, named_row, probability_field
from benchmarks.serving.results import Kind
from benchmarks.serving.trained_model import TrainedModel

LONGEST_BODY = 64 * 1024 * 1024


@dataclass(frozen=True)
class VouchServe:
    """The service of this checkout, following a real MLflow on SQLite."""

    name: str = "vouchml"
    kind: Kind = "ours"
    what: str = "vouch serve, one worker, no ledger"
    requirements: tuple[str, ...] = ()
    path: str = "/predict"

    def prepare(self, place: Workplace) -> None:
        """Nothing: the project is trained and promoted."""

    def command(self, place: Workplace, port: int) -> Sequence[str]:
        """`vouch serve` as a user starts it."""
        config = str(place.model.project / "vouch.toml")
        return [str(place.python), "-m", "vouchml.cli.main", "--config", config, "serve", "--port", str(port)]

    def environment(self, place: Workplace) -> Mapping[str, str]:
        """Room for the bodies of the batch measure."""
        return {"VOUCH_SERVING__MAX_BODY_BYTES": str(LONGEST_BODY)}

    def body(self, model: TrainedModel) -> bytes:
        """The row by names."""
        return json.dumps(named_row(model)).encode()

    def probability(self, answer: bytes) -> float:
        """The field of the answer."""
        return probability_field(json.loads(answer))


VOUCHML = VouchServe()
