from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model.small_bundle import small_contract

from vouchml.governance.admission import Admission
from vouchml.ledger.prediction import Subject
from vouchml.model import Bundle, LabelledClass
from vouchml.model.decoder import RequestDecoder
from vouchml.model.scorers.affine import AffineScorer
from vouchml.serving.answers import answer_text
from vouchml.serving.data_plane import ScoredRows
from vouchml.serving.following.admitting import Admitted
from vouchml.serving.following.served_model import Arm, Lineup, ServedModel
from vouchml.trust.signing_key import create_signing_key
from vouchml.trust.trust_store import TrustedKey

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
odd_texts = texts | st.sampled_from(['"', "\\", "%b%s{}", "null}", '"request_id":""}', "\u2028", "\x00", "größe 🎯"])
values = st.integers(-(2**53) + 1, 2**53 - 1) | odd_texts
probabilities = st.floats(0.0, 1.0) | st.sampled_from([0.0, 1.0, 0.5, 5e-324, 0.1 + 0.2, 1 - 2**-53])
request_ids = st.from_regex(r"\A[A-Za-z0-9._:-]{1,128}\Z")

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TRAINER = TrustedKey(
    name="trainer",
    email="trainer@example.org",
    role="trainer",
    public_key=create_signing_key("ed25519").public,
    valid_from=BEGAN,
)
emergencies = st.integers(0, 4 * 3600).map(
    lambda seconds: Admitted(Admission("0" * 64, TRAINER, None, (), BEGAN + timedelta(seconds=seconds)))
)


@st.composite
def served_models(draw: st.DrawFn) -> ServedModel:
    labels = draw(st.lists(odd_texts, min_size=2, max_size=2, unique=True))
    targets = draw(st.lists(values, min_size=2, max_size=2, unique=True))
    classes = tuple(LabelledClass(value=value, label=label) for value, label in zip(targets, labels, strict=True))
    contract = small_contract(
        2, classes=classes, positive_class=draw(st.sampled_from(labels)), threshold=draw(st.floats(0.01, 0.99))
    )
    return ServedModel(
        name=draw(odd_texts),
        stage=draw(st.sampled_from(["Staging", "Production"])),
        version=str(draw(st.integers(1, 99))),
        run_id=draw(st.none() | odd_texts),
        bundle=Bundle(Path("nowhere"), "0" * 64, contract),
        scorer=AffineScorer(np.zeros(2), 0.0, np.zeros(2)),
        decoder=RequestDecoder(contract, max_rows=1),
        loaded_at=datetime.now(UTC),
        subject=Subject("m", "1", None, "0" * 64, "1" * 64, "2" * 64, None),
        admitted=draw(st.just(Admitted(None)) | emergencies),
        scores_in_microseconds=True,
    )


@st.composite
def lineups(draw: st.DrawFn) -> Lineup:
    canary, shadow = (draw(st.none() | served_models()) for _ in range(2))
    return Lineup(draw(served_models()), canary, 0.5, shadow)


arms: st.SearchStrategy[Arm] = st.sampled_from(["champion", "challenger"])


def dumped(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def source(lineup: Lineup, arm: Arm) -> dict[str, Any]:
    """Where an answer comes from, field by field."""
    served = lineup.canary if arm == "challenger" and lineup.canary else lineup.champion
    return {
        "model_name": served.name,
        "model_stage": served.stage,
        "model_version": served.version,
        "source_run_id": served.run_id,
        "threshold": served.contract.threshold,
        "model_role": arm,
        "shadow_version": lineup.shadow.version if lineup.shadow else None,
        **({"break_glass_until": f"{min(ends):%Y-%m-%dT%H:%M:%SZ}"} if (ends := emergencies_of(lineup)) else {}),
    }


def emergencies_of(lineup: Lineup) -> list[datetime]:
    return [each.admitted.admission.valid_until for each in lineup.by_role().values() if each.admitted.admission]


@settings(max_examples=300, deadline=None)
@given(lineups(), arms, probabilities, request_ids, st.lists(odd_texts, max_size=2), st.booleans())
def test_the_answer_to_one_row_is_what_json_dumps_writes(
    lineup: Lineup, arm: Arm, probability: float, request_id: str, outside: list[str], explained: bool
) -> None:
    contract = lineup.answering(arm).contract
    decided = contract.decide(probability)
    explanation = {"unit": "log-odds", "contributions": {"a": 1.5}}

    written = answer_text(lineup, arm).one(
        probability, request_id, "prediction", tuple(outside), dumped(explanation) if explained else b""
    )

    fields = {
        "positive_class": contract.positive_class,
        "probability_positive_class": probability,
        "prediction": decided.value,
        "prediction_label": decided.label,
        "request_id": request_id,
        "prediction_id": "prediction",
        **source(lineup, arm),
        "out_of_range": outside,
        **({"explanation": explanation} if explained else {}),
    }
    assert written == dumped(fields)


@settings(max_examples=300, deadline=None)
@given(lineups(), arms, st.lists(st.tuples(probabilities, st.integers(0, 2)), min_size=1, max_size=4), request_ids)
def test_the_answer_to_many_rows_is_what_json_dumps_writes(
    lineup: Lineup, arm: Arm, rows: list[tuple[float, int]], request_id: str
) -> None:
    served = lineup.answering(arm)
    counts = np.array([count for _, count in rows])
    scored = ScoredRows(served, arm, np.array([p for p, _ in rows]), counts if counts.any() else None)

    written = answer_text(lineup, arm).many(scored, request_id, "batch")

    predictions = []
    for place, (probability, count) in enumerate(rows):
        decided = served.contract.decide(probability)
        predictions.append(
            {
                "probability_positive_class": probability,
                "prediction": decided.value,
                "prediction_label": decided.label,
                "prediction_id": f"batch-{place}",
                "out_of_range_count": count,
            }
        )
    assert written == dumped(
        {
            "positive_class": served.contract.positive_class,
            "request_id": request_id,
            **source(lineup, arm),
            "predictions": predictions,
        }
    )
