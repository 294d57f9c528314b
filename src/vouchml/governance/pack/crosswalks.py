"""Crosswalks: for each point of a framework, the files of a pack to look into, and what a person has not answered.

They say where to look, never that anything is fulfilled. What is mapped to what is in `crosswalks.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from vouchml.canonical_json import canonical_json
from vouchml.governance.pack.card_fields import CARD_FIELDS
from vouchml.governance.pack.subject import NOT_PROVIDED


@dataclass(frozen=True)
class Answered:
    """A field of the card that a person has answered."""

    title: str
    text: str


@dataclass(frozen=True)
class Point:
    """A point of a framework. With neither files nor answers something stands in `unanswered`."""

    id: str
    about: str
    files: tuple[str, ...]
    answered: tuple[Answered, ...]
    unanswered: tuple[str, ...]


@dataclass(frozen=True)
class Framework:
    """A framework and its points, with where its words come from."""

    name: str
    source: str
    about: str
    points: tuple[Point, ...]


def crosswalks(paths: Collection[str], card: Mapping[str, str]) -> tuple[Framework, ...]:
    """Each framework, for a pack with the files `paths` and what people wrote in `card`."""
    text = files("vouchml.governance.pack").joinpath("crosswalks.toml").read_text(encoding="utf-8")
    return tuple(
        Framework(
            framework["name"],
            framework["source"],
            framework["about"],
            tuple(_point(point, paths, card) for point in framework["points"]),
        )
        for framework in tomllib.loads(text)["framework"]
    )


def crosswalks_json(frameworks: tuple[Framework, ...]) -> bytes:
    """The same for programs; what nobody has answered is listed under its name and as NOT PROVIDED."""
    return canonical_json(
        [{**asdict(framework), "points": [_document(point) for point in framework.points]} for framework in frameworks]
    )


def _document(point: Point) -> dict[str, Any]:
    return {
        "id": point.id,
        "about": point.about,
        "files": list(point.files),
        "answers": {answered.title: answered.text for answered in point.answered}
        | dict.fromkeys(point.unanswered, NOT_PROVIDED),
    }


def _point(point: Mapping[str, Any], paths: Collection[str], card: Mapping[str, str]) -> Point:
    found, missing = [], []
    for pattern in point.get("files", []):
        matching = sorted(_matching(pattern, paths))
        # The events of a ledger can be many; the folder begins with the first.
        found.extend(matching[:1] if pattern == "ledger/*" else matching)
        if not matching:
            missing.append(pattern)
    fields = {CARD_FIELDS[name]: card.get(name, "").strip() for name in point.get("card", [])}
    missing.extend(title for title, text in fields.items() if not text)
    if not point.get("files") and not fields:
        missing.append("a pack does not hold this")
    return Point(
        point["id"],
        point["about"],
        tuple(found),
        tuple(Answered(title, text) for title, text in fields.items() if text),
        tuple(missing),
    )


def _matching(pattern: str, paths: Collection[str]) -> Iterator[str]:
    stem, star, _ = pattern.partition("*")
    return (path for path in paths if (path.startswith(stem) if star else path == pattern))
