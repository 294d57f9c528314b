"""The text of our own answers: what is the same for every answer of a version is written once.

`json.dumps` and this give the same bytes; a test holds them equal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vouchml.model import LabelledClass
from vouchml.serving.data_plane import ScoredRows
from vouchml.serving.following.served_model import Arm, Lineup


@dataclass(frozen=True, eq=False)
class AnswerText:
    """The constant parts of the answers of one version in one arm."""

    threshold: float
    head: bytes
    decided: tuple[bytes, bytes]
    tail: bytes
    row_decided: tuple[str, str]

    def one(
        self, probability: float, request_id: str, prediction_id: str, out_of_range: tuple[str, ...], explanation: bytes
    ) -> bytes:
        """The answer to one row."""
        return b'%b%a%b%b","prediction_id":"%b%b%b%b}' % (
            self.head,
            probability,
            self.decided[probability >= self.threshold],
            request_id.encode(),
            prediction_id.encode(),
            self.tail,
            b"[]" if not out_of_range else _json(list(out_of_range)),
            b"" if not explanation else b',"explanation":' + explanation,
        )

    def many(self, scored: ScoredRows, request_id: str, batch_id: str) -> bytes:
        """The answer to several rows: what they share once, then one object a row."""
        decided, threshold = self.row_decided, self.threshold
        outside = [0] * len(scored.probabilities) if scored.outside is None else scored.outside.tolist()
        rows = ",".join(
            [
                f'{{"probability_positive_class":{p!r}{decided[p >= threshold]}{batch_id}-{place}",'
                f'"out_of_range_count":{n}}}'
                for place, (p, n) in enumerate(zip(scored.probabilities.tolist(), outside, strict=True))
            ]
        )
        shared = self.head.removesuffix(b',"probability_positive_class":')
        between = self.tail.removeprefix(b'"').removesuffix(b',"out_of_range":')
        return b'%b,"request_id":"%b"%b,"predictions":[%b]}' % (shared, request_id.encode(), between, rows.encode())


def answer_text(lineup: Lineup, arm: Arm) -> AnswerText:
    """The constant parts of the answers of `lineup` in `arm`."""
    served = lineup.answering(arm)
    contract = served.contract
    head = {"positive_class": contract.positive_class, "probability_positive_class": None}
    tail = {
        "model_name": served.name,
        "model_stage": served.stage,
        "model_version": served.version,
        "source_run_id": served.run_id,
        "threshold": contract.threshold,
        "model_role": arm,
        "shadow_version": lineup.shadow.version if lineup.shadow else None,
        **({"break_glass_until": until} if (until := lineup.break_glass_until) else {}),
        "out_of_range": None,
    }
    return AnswerText(
        threshold=contract.threshold,
        head=_json(head).removesuffix(b"null}"),
        decided=(_decided(contract.negative), _decided(contract.positive)),
        tail=b'",' + _json(tail).removeprefix(b"{").removesuffix(b"null}"),
        row_decided=(_row_decided(contract.negative), _row_decided(contract.positive)),
    )


def _decided(decided: LabelledClass) -> bytes:
    """From after the probability to before the request id."""
    text = _json({"prediction": decided.value, "prediction_label": decided.label, "request_id": ""})
    return b"," + text.removeprefix(b"{").removesuffix(b'"}')


def _row_decided(decided: LabelledClass) -> str:
    """From after the probability to before the prediction id."""
    text = _json({"prediction": decided.value, "prediction_label": decided.label, "prediction_id": ""})
    return "," + text.removeprefix(b"{").removesuffix(b'"}').decode()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
