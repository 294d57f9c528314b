"""The fields of `model_card.toml` that a pack asks people for, with what each is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

CARD_FIELDS: Final[Mapping[str, str]] = {
    "owner": "Who answers for the model, and how to reach them",
    "intended_use": "What the model is for",
    "out_of_scope": "What it must not be used for",
    "users": "Who uses its answers",
    "instructions": "Instructions for those who use it",
    "limitations": "Known limits, and where it fails",
    "metric_choice": "Why these metrics are the right ones",
    "fairness": "Groups that it may treat differently, and what was done",
    "human_oversight": "How people oversee it and can stop it",
    "risk_management": "Risks that were found, and what was done about them",
    "impact_assessment": "What it does to people and society",
    "monitoring_plan": "How it is watched after it serves",
    "predetermined_changes": "Changes that are planned",
    "hardware": "Hardware that it runs on",
    "user_interface": "What its users see",
    "cybersecurity": "Measures against attacks",
    "materiality": "How much depends on it",
    "validation_independence": "Who validated it, and how independent they are",
    "standards": "Standards that were applied",
    "declaration_of_conformity": "Where the declaration of conformity is",
    "model_license": "License of the model",
    "data_description": "What the data is, and how it was collected",
    "data_creator": "Who made the data",
    "data_license": "License of the data",
    "data_url": "Where the data is published",
    "data_published": "When the data was published, as 2026-06-01",
}


def all_fields(card: Mapping[str, str], asked: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each field with its title: those that everybody is asked for, those of the policy, and what else people wrote."""
    yield from CARD_FIELDS.items()
    for name in dict.fromkeys([*asked, *card]):
        if name not in CARD_FIELDS:
            yield name, name.replace("_", " ").capitalize()
