"""What serves: versions that are loaded, checked and never changed. The follower swaps the whole line-up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BundleInvalid
from vouchml.governance.signed_evidence import moment_text
from vouchml.ledger.prediction import Subject
from vouchml.model import Bundle, Contract, Scorer, load_scorer
from vouchml.model.contract import contract_sha256
from vouchml.model.decoder import RequestDecoder
from vouchml.model.golden import check_golden_rows
from vouchml.serving.following.admitting import Admitted
from vouchml.serving.following.state import Assignment

Arm = Literal["champion", "challenger"]


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A version that answers predictions. A request takes it once and uses nothing else."""

    name: str
    stage: str
    version: str
    run_id: str | None
    bundle: Bundle
    scorer: Scorer
    decoder: RequestDecoder
    loaded_at: datetime
    subject: Subject
    """How the ledger names it."""
    admitted: Admitted
    """Why it was let in."""
    scores_in_microseconds: bool
    """Whether a row may be scored on the event loop; scikit-learn takes long enough to hold up others."""

    @property
    def contract(self) -> Contract:
        """What the model takes and what its answers mean."""
        return self.bundle.contract

    @property
    def model_digest(self) -> str:
        """The digest over the files that were loaded."""
        return self.bundle.digest

    @property
    def break_glass_until(self) -> str | None:
        """Until when it serves by break-glass; None where a decision let it in."""
        admission = self.admitted.admission
        return moment_text(admission.valid_until) if admission is not None and admission.is_break_glass else None


@dataclass(frozen=True, eq=False)
class Lineup:
    """The versions that serve at one moment: the champion, and the challengers that are tried beside it.

    A canary answers its share of the requests, chosen by their id; a shadow scores every request for comparison.
    """

    champion: ServedModel
    canary: ServedModel | None = None
    canary_share: float = 0.0
    shadow: ServedModel | None = None

    @cached_property
    def break_glass_until(self) -> str | None:
        """Until when any of them serves by break-glass, the first of them to end; None where none does."""
        return first_to_end(self.by_role().values())

    def by_role(self) -> dict[str, ServedModel]:
        """The versions that serve, by their roles."""
        roles = {"champion": self.champion, "canary": self.canary, "shadow": self.shadow}
        return {role: served for role, served in roles.items() if served is not None}

    def arm(self, request_id: str) -> Arm:
        """Who answers the request: the same for the same id, on every worker and host."""
        if self.canary is None:
            return "champion"
        draw = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:8], "big") / 2.0**64
        return "challenger" if draw < self.canary_share else "champion"

    def answering(self, arm: Arm) -> ServedModel:
        """The version of an arm."""
        return self.canary if arm == "challenger" and self.canary is not None else self.champion


def first_to_end(serving: Iterable[ServedModel]) -> str | None:
    """Until when the first of those ends that serve by break-glass; None where none does."""
    return min((until for served in serving if (until := served.break_glass_until)), default=None)


def load_served_model(
    bundle: Bundle, assignment: Assignment, admitted: Admitted, *, stage: str, max_rows: int
) -> ServedModel:
    """Load the scorer of `bundle` and score the rows that it must know, and one in the middle of its ranges.

    Raises:
        BundleInvalid: the model cannot be loaded, or its answers are not those of the training.
        DependencyMissing: its scorer needs a package that is not installed.
    """
    served = ServedModel(
        name=assignment.name,
        stage=stage,
        version=assignment.version,
        run_id=assignment.run_id,
        bundle=bundle,
        scorer=load_scorer(bundle),
        decoder=RequestDecoder(bundle.contract, max_rows=max_rows),
        loaded_at=datetime.now(UTC),
        subject=_subject(bundle, assignment, admitted),
        admitted=admitted,
        scores_in_microseconds=bundle.contract.scorer != "sklearn",
    )
    check_golden_rows(bundle, served.scorer)
    _warm_up(served)
    return served


def readmitted(served: ServedModel, admitted: Admitted) -> ServedModel:
    """The same version, let in by what `admitted` says."""
    admission = admitted.admission
    subject = replace(served.subject, decision=admission.decision_sha256 if admission else None)
    return replace(served, admitted=admitted, subject=subject)


def _subject(bundle: Bundle, assignment: Assignment, admitted: Admitted) -> Subject:
    return Subject(
        name=assignment.name,
        version=assignment.version,
        run=assignment.run_id,
        model=bundle.digest,
        contract=contract_sha256(bundle.folder),
        data=bundle.contract.data_sha256,
        decision=admitted.admission.decision_sha256 if admitted.admission else None,
    )


def example_row(contract: Contract) -> tuple[float, ...]:
    """The middle of the range that each feature had in training, halved first, so that no sum overflows.

    Of a category it is the first.
    """
    return tuple(
        feature.range[0] / 2 + feature.range[1] / 2 if feature.categories is None else 0.0
        for feature in contract.features
    )


def takes_same_input(challenger: ServedModel, champion: ServedModel) -> bool:
    """Whether a challenger can answer in the champion's place: the same features in order, and the same labels.

    A row is decoded once, so its categories must be the same too, and what may be null.
    """
    theirs, ours = challenger.contract, champion.contract
    return theirs.takes_rows_of(ours) and (theirs.classes, theirs.positive_class) == (ours.classes, ours.positive_class)


def _warm_up(served: ServedModel) -> None:
    row: NDArray[np.float64] = np.array(example_row(served.contract), dtype=np.float64)
    try:
        probability = served.scorer.positive_probability_of_one(row)
        served.scorer.positive_probability(row.reshape(1, -1))
    # Scorers raise what their library raises; whatever it is, this version must not replace one that works.
    except Exception as error:
        raise BundleInvalid("The model fails on the first row that it is given.", remedy="Train it again.") from error
    if not 0.0 <= probability <= 1.0:
        raise BundleInvalid("The model's answer to its first row is not a probability.", remedy="Train it again.")
