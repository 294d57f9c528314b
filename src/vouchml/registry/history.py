"""The history of the pointer: who moved it, when, from where to where, and why. MLflow keeps none.

Each move is one tag on the registered model, so that everyone who reads the registry reads the same history. The
keys sort by time; the values are JSON.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

KEY_PREFIX: Final = "vouch.history."
Action = Literal["promote", "rollback"]


@dataclass(frozen=True)
class Promotion:
    """One move of the pointer. `at` is UTC; `from_version` is None for the first."""

    at: datetime
    who: str
    why: str
    action: Action
    stage: str
    from_version: int | None
    to_version: int

    def to_dict(self) -> dict[str, str | int | None]:
        """The move as JSON has it."""
        return {
            "at": self.at.isoformat(timespec="microseconds"),
            "who": self.who,
            "why": self.why,
            "action": self.action,
            "stage": self.stage,
            "from_version": self.from_version,
            "to_version": self.to_version,
        }

    def as_tag(self) -> tuple[str, str]:
        """A new key, after all earlier ones, and the value. The random end keeps two at the same instant apart."""
        return f"{KEY_PREFIX}{self.at:%Y%m%dT%H%M%S.%f}Z.{secrets.token_hex(4)}", json.dumps(self.to_dict())


def read_history(tags: Mapping[str, str]) -> tuple[Promotion, ...]:
    """The moves in `tags` of a registered model, oldest first. A tag that is not one of ours is passed over."""
    moves = (_from_tag(value) for key, value in sorted(tags.items()) if key.startswith(KEY_PREFIX))
    return tuple(move for move in moves if move is not None)


def _from_tag(value: str) -> Promotion | None:
    try:
        fields = json.loads(value)
        return Promotion(**{**fields, "at": datetime.fromisoformat(fields["at"])})
    except (ValueError, TypeError, KeyError):
        return None


def last_move(history: tuple[Promotion, ...], stage: str) -> Promotion | None:
    """The latest move of `stage`, if there was one."""
    return next((move for move in reversed(history) if move.stage == stage), None)


def version_before(history: tuple[Promotion, ...], stage: str, current: int) -> int | None:
    """The version that served in `stage` before `current` did, if any.

    A promotion enters its version; a rollback leaves the version that it came from. What is left, in order, is the
    path to today, so two rollbacks in a row go two versions back instead of to and fro.
    """
    path: list[int] = []
    for move in history:
        if move.stage != stage:
            continue
        if move.action == "rollback" and move.to_version in path:
            del path[_last_index(path, move.to_version) + 1 :]
            continue
        if move.from_version is not None and path[-1:] != [move.from_version]:
            path.append(move.from_version)
        if path[-1:] != [move.to_version]:
            path.append(move.to_version)
    if path[-1:] == [current]:
        path.pop()
    return path[-1] if path else None


def _last_index(path: list[int], version: int) -> int:
    return len(path) - 1 - path[::-1].index(version)
