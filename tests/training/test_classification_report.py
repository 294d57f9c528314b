from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import classification_report

from vouchml.training.classification_report import report_dict, report_text

Y_TRUE = np.array([True, True, True, False, False])
P = np.array([0.9, 0.5, 0.2, 0.6, 0.1])
LABELS = ("malignant", "benign")


def test_the_report_is_scikit_learns_under_our_label_names() -> None:
    found = report_dict(Y_TRUE, P, labels=LABELS, positive_class="benign", threshold=0.5)
    assert found == classification_report(Y_TRUE, P >= 0.5, target_names=LABELS, output_dict=True)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_positive_class_may_stand_first() -> None:
    found = report_dict(Y_TRUE, P, labels=("benign", "malignant"), positive_class="benign", threshold=0.5)
    assert found["benign"] == report_dict(Y_TRUE, P, labels=LABELS, positive_class="benign", threshold=0.5)["benign"]
    assert list(found)[:2] == ["benign", "malignant"]


def test_a_class_that_is_never_predicted_has_zeros() -> None:
    found = report_dict(Y_TRUE, P, labels=LABELS, positive_class="benign", threshold=1.0)
    assert found["benign"] == {"precision": 0.0, "recall": 0.0, "f1-score": 0.0, "support": 3.0}


@pytest.mark.parametrize("taken", ["accuracy", "macro avg"])
def test_a_label_named_like_a_row_of_the_report_hides_nothing(taken: str) -> None:
    found = report_dict(Y_TRUE, P, labels=(taken, "benign"), positive_class="benign", threshold=0.5)
    plain = report_dict(Y_TRUE, P, labels=LABELS, positive_class="benign", threshold=0.5)
    assert found[f"class {taken}"] == plain["malignant"]
    assert found[taken] == plain[taken]


def test_the_text_names_the_positive_class_and_every_label() -> None:
    text = report_text(Y_TRUE, P, labels=LABELS, positive_class="benign", threshold=0.5)
    assert text.startswith("Positive class: benign, from a probability of 0.5.\n")
    assert text.endswith("\n")
    assert all(f"{label}     " in text for label in LABELS)
