from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.canonical_json import canonical_json
from vouchml.ledger.prediction import Asked, PredictionRecords, Subject, number
from vouchml.ledger.record import Record
from vouchml.model import Contract, Feature, LabelledClass

CONTRACT = Contract(
    features=(Feature(name="age", minimum=0, maximum=120), Feature(name="Größe", minimum=0, maximum=300)),
    target="diagnosis",
    classes=(LabelledClass(value=0, label='be"nign'), LabelledClass(value=1, label="malignant €")),
    positive_class="malignant €",
    threshold=0.5,
    scorer="affine",
    estimator="logistic_regression",
    data_sha256="a" * 64,
    data_content_sha256="b" * 64,
)
SUBJECT = Subject("m", "7", None, "c" * 64, "d" * 64, "a" * 64, None)
ASKED = Asked("predict", None, "req.1:2-3", "0" * 32)

doubles = st.floats(width=64)
probabilities = st.floats(0.0, 1.0)


def records() -> PredictionRecords:
    return PredictionRecords(SUBJECT, CONTRACT, role="champion", worker="w1")


def check(record: Record, row: list[float], probability: float) -> dict[str, object]:
    assert record.salt is not None
    assert record.payload is not None
    leaf, payload = json.loads(record.leaf), json.loads(record.payload)
    assert canonical_json(leaf) == record.leaf
    assert canonical_json(payload) == record.payload
    assert canonical_json(leaf["served"]) == record.served
    digest = sha256(b"vouchml/payload/v1\n" + record.salt + record.payload).digest()
    assert leaf["commitment"] == urlsafe_b64encode(digest).decode().rstrip("=")
    assert b64decode(payload["inputs"]) == np.array(row, dtype="<f8").tobytes()
    assert payload["probability"] == probability
    assert payload["label"] == ("malignant €" if probability >= 0.5 else 'be"nign')
    assert payload["prediction"] == int(probability >= 0.5)
    return dict(leaf)


@given(doubles, doubles, probabilities, st.none() | st.text(), st.lists(st.sampled_from(["age", "Größe"]), unique=True))
def test_a_record_is_canonical_and_commits_to_what_was_used(
    age: float, size: float, probability: float, caller: str | None, outside: list[str]
) -> None:
    asked = Asked("predict", caller, "r1", "0" * 32)
    record = records().one(asked, np.array([age, size]), probability, outside)
    leaf = check(record, [age, size], probability)
    assert (leaf["prediction_id"], leaf["request_id"]) == record.ids == ("0" * 32, "r1")
    payload = json.loads(record.payload or b"")
    assert (payload["caller"], payload["out_of_range"]) == (caller, outside)


@given(st.lists(st.tuples(doubles, doubles, probabilities), min_size=1, max_size=5))
def test_a_batch_has_one_record_a_row_in_order(rows: list[tuple[float, float, float]]) -> None:
    table = np.array(rows)
    made = records().many(ASKED, table[:, :2], table[:, 2], None)
    for place, (record, (age, size, probability)) in enumerate(zip(made, rows, strict=True)):
        leaf = check(record, [age, size], probability)
        assert leaf["row"] == place
        assert record.ids[0] == f"{'0' * 32}-{place}"


def test_no_two_records_share_a_salt() -> None:
    maker = records()
    row = np.array([1.0, 2.0])
    salts = [maker.one(ASKED, row, 0.5, ()).salt for _ in range(1000)]
    salts += [record.salt for record in maker.many(ASKED, np.tile(row, (1000, 1)), np.full(1000, 0.5), None)]
    assert len(set(salts)) == 2000


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(0.0, 1.0) | st.floats(1e-12, 1e-3))
def test_numbers_are_written_as_the_rfc_has_them(value: float) -> None:
    assert number(value) == canonical_json(value)


@pytest.mark.parametrize(
    "value", [0.0, -0.0, 1.0, 1e-4, 1e-5, 1.5e-6, 1e-6, 9.5e-7, 1e-7, -1e-7, 1e-10, 5e-324, 0.1, 1e16, 1e21]
)
def test_numbers_at_the_edges_too(value: float) -> None:
    assert number(value) == canonical_json(value)
