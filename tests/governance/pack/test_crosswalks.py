"""Crosswalks say where to look, and what nobody has answered."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files

from vouchml.governance.pack.card_fields import CARD_FIELDS
from vouchml.governance.pack.crosswalks import crosswalks, crosswalks_json

PATHS = {"index.json", "model_card.html", "ledger/00000003-promotion.json", "ledger/00000007-decision.json"}


def test_every_field_that_a_crosswalk_asks_for_is_one_that_people_are_asked_for() -> None:
    text = files("vouchml.governance.pack").joinpath("crosswalks.toml").read_text(encoding="utf-8")
    fields = {
        name
        for framework in tomllib.loads(text)["framework"]
        for point in framework["points"]
        for name in point.get("card", [])
    }
    assert fields
    assert fields <= CARD_FIELDS.keys()


def test_no_crosswalk_says_that_anything_is_fulfilled() -> None:
    text = crosswalks_json(crosswalks(PATHS, dict.fromkeys(CARD_FIELDS, "said"))).decode().casefold()
    for word in ("complian", "conforms", "certif", "fulfil", "satisf"):
        assert word not in text


def test_the_frameworks_are_those_that_were_asked_for() -> None:
    names = " ".join(framework.name for framework in crosswalks(PATHS, {}))
    for words in ("EU AI Act, Annex IV", "EU AI Act, Article 12", "SR 26-2", "NIST AI RMF", "ISO/IEC 42001"):
        assert words in names


def test_a_point_names_the_files_that_are_there_and_what_is_missing() -> None:
    (annex, *_) = crosswalks(PATHS, {"intended_use": "a second reading"})
    points = {point.id: point for point in annex.points}
    assert points["1(a)"].files == ("index.json", "model_card.html")
    assert [answered.text for answered in points["1(a)"].answered] == ["a second reading"]
    assert points["1(a)"].unanswered == (CARD_FIELDS["owner"],)
    assert points["6"].files == ("ledger/00000003-promotion.json",)
    assert points["1(c)"].unanswered == ("bom.cdx.json",)
    assert points["1(f)"].unanswered == ("a pack does not hold this",)


def test_what_nobody_has_answered_is_not_provided_for_programs_too() -> None:
    (annex, *_) = json.loads(crosswalks_json(crosswalks(PATHS, {})))
    (oversight,) = [point for point in annex["points"] if point["id"] == "2(e)"]
    assert oversight["answers"] == {CARD_FIELDS["human_oversight"]: "NOT PROVIDED"}
