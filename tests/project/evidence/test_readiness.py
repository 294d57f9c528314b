"""What `vouch up` does before it serves: keys, a signed version, the gate, the promotion; and what it leaves alone."""

from __future__ import annotations

import pytest
from tests.project.evidence.judged_project import JudgedProject

from vouchml.errors import DecisionFailed
from vouchml.project.readiness import (
    Found,
    find_or_train,
    is_ready,
    make_development_keys,
    put_in_stage,
    taken_out_for,
)
from vouchml.settings import TrainingSettings


def silent(_: str) -> None:
    """Nobody looks at the progress here."""


@pytest.fixture
def quick(judged: JudgedProject) -> JudgedProject:
    """The settings are those that version 1 was trained with, so that it is up to date."""
    training = TrainingSettings(cv_folds=2, bootstrap_resamples=100)
    judged.settings = judged.settings.model_copy(update={"training": training})
    return judged


def found(project: JudgedProject, number: int) -> Found:
    return Found(project.version(number), None, None, None)


def test_keys_are_made_once(unsigned: JudgedProject) -> None:
    assert [key.role for key in make_development_keys(unsigned.settings)] == [
        *("trainer", "evaluator", "approver", "gate", "ledger")
    ]
    assert make_development_keys(unsigned.settings) == ()


def test_a_signed_version_that_is_up_to_date_is_taken_as_it_is(quick: JudgedProject) -> None:
    ready = find_or_train(quick.settings, retrain=False, progress=silent)
    assert (ready.version.number, ready.trained, ready.passed_over) == (1, None, None)
    assert not is_ready(quick.settings, ready)
    put_in_stage(quick.settings, ready, say=quick.told.append)
    assert is_ready(quick.settings, ready)


def test_a_version_that_was_changed_is_passed_over_and_not_signed_again(quick: JudgedProject) -> None:
    quick.change_a_file(1)
    before = quick.evidence(1)
    ready = find_or_train(quick.settings, retrain=False, progress=silent)
    assert (ready.version.number, ready.passed_over) == (3, 1)
    assert ready.signing is not None
    assert ready.signing.unsigned == ()
    assert quick.evidence(1) == before


def test_a_version_in_the_stage_whose_decision_is_gone_is_not_ready(quick: JudgedProject) -> None:
    quick.promote(1)
    assert is_ready(quick.settings, found(quick, 1))
    quick.ask(minimum_rows=51)
    assert not is_ready(quick.settings, found(quick, 1))


def test_where_the_gate_says_no_the_version_that_is_there_stays(quick: JudgedProject) -> None:
    quick.promote(1)
    quick.ask(bounds={"accuracy_lower": 0.9999})
    quick.decide(2)
    assert put_in_stage(quick.settings, found(quick, 2), say=quick.told.append).number == 1
    assert quick.told[0].startswith("WARNING: Version 2 may not be promoted: The gate's decision on the model is FAIL.")
    assert quick.pointed == 1


def test_where_the_gate_says_no_and_nothing_is_there_it_ends(quick: JudgedProject) -> None:
    quick.ask(bounds={"accuracy_lower": 0.9999})
    quick.decide(2)
    with pytest.raises(DecisionFailed):
        put_in_stage(quick.settings, found(quick, 2), say=quick.told.append)
    assert quick.pointed is None


def test_a_version_that_somebody_took_out_is_not_put_back(quick: JudgedProject) -> None:
    quick.promote(1)
    quick.ask(margins={})
    for number in (1, 2):
        quick.decide(number)
    quick.promote(2)
    other = taken_out_for(quick.settings, found(quick, 1))
    assert other is not None
    assert other.number == 2
    assert taken_out_for(quick.settings, found(quick, 2)) is None
