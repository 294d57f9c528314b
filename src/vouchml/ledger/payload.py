"""Read the payload of a prediction back: the inputs as they were used, and what came of them."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import LedgerInvalid


@dataclass(frozen=True, slots=True, eq=False)
class PredictionPayload:
    """What a payload says. `inputs` are in the order of the contract, shape (features,)."""

    caller: str | None
    door: str
    inputs: NDArray[np.float64]
    label: str
    out_of_range: tuple[str, ...]
    prediction: int | str
    probability: float
    role: str
    threshold: float

    def named(self, features: tuple[str, ...] | None) -> dict[str, float] | list[float]:
        """The inputs by the names of the features; a list where these are not known."""
        values: list[float] = self.inputs.tolist()
        return dict(zip(features, values, strict=True)) if features and len(features) == len(values) else values


def read_payload(text: bytes | str) -> PredictionPayload:
    """Read the payload of a prediction.

    Raises:
        LedgerInvalid: it is none.
    """
    try:
        fields: dict[str, Any] = json.loads(text)
        inputs = np.frombuffer(b64decode(fields["inputs"], validate=True), "<f8").astype(np.float64)
        return PredictionPayload(
            fields["caller"],
            fields["door"],
            inputs,
            fields["label"],
            tuple(fields["out_of_range"]),
            fields["prediction"],
            float(fields["probability"]),
            fields["role"],
            float(fields["threshold"]),
        )
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise LedgerInvalid(
            "The payload of a prediction cannot be read.", remedy="Verify the ledger: vouch ledger verify"
        ) from None
