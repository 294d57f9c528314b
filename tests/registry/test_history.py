from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vouchml.registry.history import Action, Promotion, read_history, version_before

START = datetime(2026, 1, 1, tzinfo=UTC)


def moves(*steps: tuple[Action, int | None, int], stage: str = "Staging") -> tuple[Promotion, ...]:
    return tuple(
        Promotion(
            at=START + timedelta(minutes=number),
            who="a person",
            why="a reason",
            action=action,
            stage=stage,
            from_version=before,
            to_version=after,
        )
        for number, (action, before, after) in enumerate(steps)
    )


def test_nothing_served_before_the_first() -> None:
    assert version_before(moves(("promote", None, 1)), "Staging", 1) is None


def test_the_one_before_is_the_one_that_served_and_not_the_lower_number() -> None:
    history = moves(("promote", None, 5), ("promote", 5, 2), ("promote", 2, 7))
    assert version_before(history, "Staging", 7) == 2


def test_two_rollbacks_go_two_versions_back() -> None:
    history = moves(("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3), ("rollback", 3, 2))
    assert version_before(history, "Staging", 2) == 1


def test_a_promotion_after_a_rollback_can_be_rolled_back_to_what_served() -> None:
    history = moves(("promote", None, 1), ("promote", 1, 2), ("rollback", 2, 1), ("promote", 1, 3))
    assert version_before(history, "Staging", 3) == 1


def test_a_version_that_was_promoted_by_hand_is_left_for_the_last_recorded_one() -> None:
    assert version_before(moves(("promote", None, 1)), "Staging", 4) == 1


def test_other_stages_do_not_count() -> None:
    history = moves(("promote", None, 1), ("promote", 1, 2), stage="Production")
    assert version_before(history, "Staging", 2) is None


@given(st.text(min_size=1), st.text(), st.integers(1, 9), st.none() | st.integers(1, 9))
def test_what_is_written_is_what_is_read(who: str, why: str, after: int, before: int | None) -> None:
    promotion = Promotion(START, who, why, "promote", "Staging", before, after)
    assert read_history(dict([promotion.as_tag()])) == (promotion,)


def test_tags_of_others_are_passed_over() -> None:
    assert read_history({"vouch.history.x": "not json", "team": "a", "vouch.history.y": "[]"}) == ()
