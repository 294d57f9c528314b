"""What is signed about two versions differs by what counts, not by what lies there."""

from __future__ import annotations

from tests.project.evidence.judged_project import JudgedProject

from vouchml.project.comparing import compare_versions


def test_decisions_and_who_signed_are_compared_and_what_does_not_count_is_told(judged: JudgedProject) -> None:
    found = compare_versions(judged.settings, "1", "2")
    evidence = {each.place: (each.first, each.second) for each in found.parts["evidence"]}
    decided, undecided = evidence["decisions"]
    assert decided[0].startswith("PASS, 2")
    assert undecided == []
    assert "signed_by" not in evidence  # the same key
    judged.settings.trust_store_path.write_text("", "utf-8")
    distrusted = compare_versions(judged.settings, "1", "2")
    places = {each.place: each.first for each in distrusted.parts["evidence"]}
    assert "decisions" not in places  # none counts any more, on either side
    assert any(place.startswith("not_counted.decision-") for place in places)
