"""Read the payload of a prediction back: the inputs as they were used, and what came of them."""

from __future__ import annotations

import binascii
import json
import math
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import LedgerInvalid
from vouchml.model import Feature
from vouchml.model.cells import cells_of


@dataclass(frozen=True, slots=True, eq=False)
class PredictionPayload:
    """What a payload says.

    `inputs` are in the order of the contract, shape (features,): a category is its place in the contract's list, NaN is
    null.
    """

    caller: str | None
    door: str
    inputs: NDArray[np.float64]
    label: str
    out_of_range: tuple[str, ...]
    prediction: int | str
    probability: float
    role: str
    threshold: float

    def numbers(self) -> list[float | None]:
        """The inputs as JSON has them when their features are not known."""
        return [None if math.isnan(value) else value for value in self.inputs.tolist()]

    def named(self, features: Sequence[Feature] | None) -> dict[str, float | str | None] | list[float | None]:
        """The inputs as they were sent, by the names of the features; numbers in a list where these are not known."""
        if features and len(features) == len(self.inputs):
            return cells_of(features, self.inputs)
        return self.numbers()


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
