"""Hold MLflow's pointers against the last move in the ledger: one that it does not explain was moved by others.

`vouch promote` and `vouch registry rollback` write a record before they move the pointer of a stage and its alias.
MLflow lets anybody who may write to it move them, and keeps no name of who did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vouchml.ledger.moves import RecordedMove, newest_moves
from vouchml.ledger.open import is_begun
from vouchml.project.open_ledger import reading
from vouchml.registry import ModelRegistry
from vouchml.registry.history import Promotion, last_move
from vouchml.settings import Settings


@dataclass(frozen=True)
class Stray:
    """A pointer that the ledger's last move does not explain: how, and what to do first."""

    told: str
    remedy: str


@dataclass(frozen=True)
class LedgerMoves:
    """The last move of each stage in the ledger, to hold pointers against.

    `history` is what vouch wrote into MLflow beside them: it may tell of a move by a vouch with another ledger.
    """

    stage: str
    moves: Mapping[str | None, RecordedMove]
    history: tuple[Promotion, ...]

    def stray(self, pointer: str, version: int | None) -> Stray | None:
        """What is wrong with `pointer`, a stage or `@` and its alias, that names `version`; None where it is explained.

        Nobody moves other aliases by vouch, nor a stage that the project does not serve and no move is recorded of.
        """
        stages = {stage for stage in (*self.moves, self.stage) if stage is not None}
        stage = next((each for each in stages if pointer in (each, f"@{each.lower()}")), None)
        if stage is None:
            return None
        move = self.moves.get(stage)
        to = None if move is None else str(move.fields.get("to_version"))
        if to == (None if version is None else str(version)):
            return None
        return Stray(self._told(pointer, stage, version, move), _remedy(version, to))

    def _told(self, pointer: str, stage: str, version: int | None, move: RecordedMove | None) -> str:
        names = "nothing" if version is None else f"version {version}"
        told = f"{pointer} names {names}, and the ledger has no move of it."
        if move is not None:
            fields = move.fields
            last = f"record {move.entry.index} by {fields.get('who')} at {fields['time']}"
            to = fields.get("to_version")
            told = f"{pointer} names {names}, and the ledger's last move, {last}, is to version {to}."
        told += " Something other than vouch moved it; MLflow keeps no name of who."
        claim = last_move(self.history, stage)
        if claim is not None and claim.to_version == version:
            when = f"{claim.at:%Y-%m-%dT%H:%M:%SZ}"
            told += f" A tag in MLflow, which anybody there may write, says: {claim.who}, by vouch, at {when}."
        return told


def ledger_moves(settings: Settings, registry: ModelRegistry) -> LedgerMoves | None:
    """The last moves in the project's ledger; None for a project that keeps none.

    Raises:
        VersionNotFound: there is no such registered model.
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read.
    """
    if not settings.ledger.url:
        return None
    name = settings.project.registered_model
    moves: Mapping[str | None, RecordedMove] = {}
    if is_begun(settings):  # before that, nobody has moved anything by vouch
        with reading(settings) as store:
            moves = newest_moves(store, name)
    return LedgerMoves(settings.project.stage, moves, registry.history(name))


def _remedy(version: int | None, to: str | None) -> str:
    steps = ["Find out who writes to MLflow."]
    if to is not None:
        steps.append(f"Point back: vouch promote {to} --why TEXT, or to the one before: vouch registry rollback.")
    if version is not None:
        steps.append(f"Only if version {version} is meant to serve, record that: vouch promote {version} --why TEXT")
    return " ".join(steps)
