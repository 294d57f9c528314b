"""Made-up records of a service with some workers whose version changes now and then."""

from __future__ import annotations

import random
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any, Final

from vouchml.canonical_json import canonical_json
from vouchml.ledger.governance_events import Said, said_record
from vouchml.ledger.record import Record, RecordType, commitment, event, time_text

FEATURES: Final = 30
WORKERS: Final = tuple(f"a-host/{number}/{4711 + number}" for number in range(4))
#: Salts and inputs differ from record to record; making them is no part of the measurement, so few do.
_SHAPES: Final = 64
_MODEL: Final = "breast-cancer"


class MadeUp:
    """Makes predictions as the service records them, of one version, with new random ids."""

    def __init__(self) -> None:
        self._version = 0

    def next_version(self) -> list[Record]:
        """What a ledger tells of a version before it answers; the predictions from now on are of it."""
        self._version += 1
        now = datetime.now(UTC)
        served = self._served()
        self._served_bytes = canonical_json(served)
        self._shapes = [_shape(WORKERS[number % len(WORKERS)], now) for number in range(_SHAPES)]
        said = {"name": served["name"], "model": served["model"], "version": self._version, "by": ("development",)}
        decision = Said("decision", statement=served["decision"], details={"outcome": "PASS"}, **said)
        approval = Said("approval", statement=f"{random.getrandbits(256):064x}", details={"meaning": "deploy"}, **said)
        promotion = {
            "name": served["name"],
            "stage": "Staging",
            "from_version": str(self._version - 1),
            "to_version": served["version"],
            "run": served["run"],
            "model": served["model"],
            "decision": served["decision"],
            "who": "Ada Smith <ada@example.org>",
            "why": "better on the newest table",
        }
        return [
            said_record(decision, time=now),
            said_record(approval, time=now),
            event(RecordType.PROMOTION, promotion, time=now),
            *(
                event(RecordType.MODEL_LOADED, {"role": "champion", "served": served, "worker": worker}, time=now)
                for worker in WORKERS
            ),
        ]

    def predictions(self, count: int) -> list[Record]:
        """Some predictions of it."""
        return [self._prediction(self._shapes[number % _SHAPES]) for number in range(count)]

    def _prediction(self, shape: tuple[bytes, bytes, bytes, bytes]) -> Record:
        before, after, salt, payload = shape
        # As the service does where a request brings no name of its own: one id for both.
        made_id = f"{random.getrandbits(128):032x}"
        leaf = before % (made_id.encode(), made_id.encode()) + self._served_bytes + after
        return Record(RecordType.PREDICTION, leaf, self._served_bytes, salt, payload, (made_id,))

    def _served(self) -> dict[str, Any]:
        return {
            "contract": "c" * 64,
            "data": "d" * 64,
            "decision": f"{random.getrandbits(256):064x}",
            "model": f"{random.getrandbits(256):064x}",
            "name": _MODEL,
            "run": f"{random.getrandbits(128):032x}",
            "version": str(self._version),
        }


def _shape(worker: str, now: datetime) -> tuple[bytes, bytes, bytes, bytes]:
    salt = random.randbytes(32)
    payload = canonical_json(
        {
            "caller": "clinic-7",
            "door": "predict",
            "inputs": b64encode(random.randbytes(8 * FEATURES)).decode(),
            "label": "malignant",
            "out_of_range": [],
            "prediction": 1,
            "probability": random.random(),
            "role": "champion",
            "threshold": 0.5,
        }
    )
    before = f'{{"commitment":"{commitment(salt, payload)}","prediction_id":"%s","request_id":"%s","served":'
    after = f',"time":"{time_text(now)}","type":"prediction","v":1,"worker":"{worker}"}}'
    return before.encode(), after.encode(), salt, payload
