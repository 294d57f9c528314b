"""The records of predictions, made in the few microseconds that a request can spare.

What `canonical_json` would write is put together from parts that stay the same while a version serves; a test holds
the two equal.
"""

from __future__ import annotations

import os
import sys
import time
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import rfc8785
from numpy.typing import NDArray

from vouchml.canonical_json import canonical_json
from vouchml.ledger.record import FORMAT_VERSION, SALT_BYTES, Record, RecordType, encoded_commitment, time_text
from vouchml.model import Contract

_SALTS_AT_ONCE: Final = 256
_PREDICTION: Final = RecordType.PREDICTION


@dataclass(frozen=True, slots=True)
class Subject:
    """The version behind a prediction as a leaf names it. Digests are SHA-256, 64 hexadecimal characters."""

    name: str
    version: str
    run: str | None
    model: str
    contract: str
    data: str
    decision: str | None

    def to_dict(self) -> dict[str, str | None]:
        """The leaf's `served`."""
        return asdict(self)


class Asked(NamedTuple):
    """Who asked what, by the names that the answer carries. A request id has no characters that JSON would escape."""

    door: str
    caller: str | None
    request_id: str
    prediction_id: str


class PredictionRecords:
    """Makes the records of the answers of one version in one role, on one worker."""

    def __init__(self, subject: Subject, contract: Contract, *, role: str, worker: str) -> None:
        self._served = canonical_json(subject.to_dict())
        self._threshold = contract.threshold
        self._decided = tuple(
            b',"label":%b,"out_of_range":' % rfc8785.dumps(each.label)
            for each in (contract.negative, contract.positive)
        )
        self._prediction = tuple(
            b',"prediction":%b,"probability":' % rfc8785.dumps(each.value)
            for each in (contract.negative, contract.positive)
        )
        self._payload_tail = b',"role":%b,"threshold":%b}' % (rfc8785.dumps(role), number(contract.threshold))
        self._leaf_tail = b'Z","type":"prediction","v":%d,"worker":%b}' % (FORMAT_VERSION, rfc8785.dumps(worker))
        self._salts = _salts()
        self._second = -1
        self._second_text = b""

    def one(self, asked: Asked, row: NDArray[np.float64], probability: float, outside: Sequence[str]) -> Record:
        """The record of one row, shape (features,). `outside` names the features out of their range of training.

        Called by one thread.
        """
        payload = self._payload(asked, row, probability, outside)
        return self._record(asked, asked.prediction_id, b"", next(self._salts), payload, self._now())

    def many(
        self,
        asked: Asked,
        rows: NDArray[np.float64],
        probabilities: NDArray[np.float64],
        outside: Sequence[Sequence[str]] | None,
    ) -> list[Record]:
        """The records of several rows in order, shape (rows, features), each with its place in the request.

        A row is found by `<prediction id>-<row>`. May be called by any thread beside the one of `one`.
        """
        moment = time_text(datetime.now(UTC)).removesuffix("Z").encode()
        salts = os.urandom(SALT_BYTES * len(rows))
        records = []
        for place, probability in enumerate(probabilities.tolist()):
            payload = self._payload(asked, rows[place], probability, outside[place] if outside else ())
            salt = salts[SALT_BYTES * place : SALT_BYTES * (place + 1)]
            prediction_id, row = f"{asked.prediction_id}-{place}", b',"row":%d' % place
            records.append(self._record(asked, prediction_id, row, salt, payload, moment))
        return records

    def _payload(self, asked: Asked, row: NDArray[np.float64], probability: float, outside: Sequence[str]) -> bytes:
        positive = probability >= self._threshold
        return b'{"caller":%b,"door":"%b","inputs":"%b"%b%b%b%b%b' % (
            _text(asked.caller),
            asked.door.encode(),
            b2a_base64(_little_endian(row), newline=False),
            self._decided[positive],
            b"[]" if not outside else rfc8785.dumps(list(outside)),
            self._prediction[positive],
            number(probability),
            self._payload_tail,
        )

    def _record(
        self, asked: Asked, prediction_id: str, row: bytes, salt: bytes, payload: bytes, moment: bytes
    ) -> Record:
        request_id = asked.request_id
        leaf = b'{"commitment":"%b","prediction_id":"%b","request_id":"%b"%b,"served":%b,"time":"%b%b' % (
            encoded_commitment(salt, payload),
            prediction_id.encode(),
            request_id.encode(),
            row,
            self._served,
            moment,
            self._leaf_tail,
        )
        ids = (prediction_id,) if prediction_id == request_id else (prediction_id, request_id)
        return Record(_PREDICTION, leaf, self._served, salt, payload, ids)

    def _now(self) -> bytes:
        second, rest = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second, self._second_text = second, _second_text(second)
        return b"%b.%06d" % (self._second_text, rest // 1000)


def number(value: float) -> bytes:
    """A finite number as RFC 8785 has it; what Python writes the same way is not written twice."""
    text = repr(value)
    if "e-" in text and value > 0.0:
        # ECMAScript has an exponent below 1e-6 only, and as few digits in it as it takes (section 6.1.6.1.20).
        digits, places = text.split("e-")
        if (exponent := int(places)) > 6:
            return b"%be-%d" % (digits.encode(), exponent)
        return b"0.%b%b" % (b"0" * (exponent - 1), digits.replace(".", "").encode())
    if "e" in text or text.endswith(".0"):
        return rfc8785.dumps(value)
    return text.encode()


@lru_cache(maxsize=1024)
def _text(caller: str | None) -> bytes:
    return rfc8785.dumps(caller)


def _little_endian(row: NDArray[np.float64]) -> bytes:
    # Asking numpy for the order that there is takes longer than giving the bytes.
    return row.tobytes() if sys.byteorder == "little" else row.astype("<f8").tobytes()


def _salts() -> Iterator[bytes]:
    # One call of the system for many: alone it would cost as much as hashing the payload.
    while True:
        block = os.urandom(SALT_BYTES * _SALTS_AT_ONCE)
        for start in range(0, len(block), SALT_BYTES):
            yield block[start : start + SALT_BYTES]


def _second_text(second: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
