"""What the gate knows about a version: its answers on the test rows, and what was said and signed about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vouchml.settings import EvidenceKind

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Approval:
    """What one person signed about a version. `person` is who it is, such as an e-mail address."""

    person: str
    role: str
    meaning: Literal["authored", "reviewed", "approved", "rejected"]


@dataclass(frozen=True)
class Signed:
    """What signed statements say about the model digest, once their signatures were verified.

    `manifest_sha256` is that of the run's manifest, as the provenance names it; None without one.
    """

    kinds: frozenset[EvidenceKind] = frozenset()
    manifest_sha256: str | None = None
    approvals: tuple[Approval, ...] = ()
    authors: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Evidence:
    """A version and its answers on the rows that it was not trained on.

    `is_positive` and `probabilities` have one entry a test row. `slices` holds the values of a column on these rows:
    floats, or an object array of strings. `microseconds` are the times of single answers; empty if none was taken.
    `judged_before` are the other versions that were judged on the same test rows.
    """

    name: str
    version: int
    model_digest: str
    threshold: float
    is_positive: Bools
    probabilities: Floats
    test_set_sha256: str
    kinds: frozenset[str]
    slices: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    microseconds: Floats = field(default_factory=lambda: np.empty(0))
    card: Mapping[str, str] = field(default_factory=dict)
    signed: Signed = field(default_factory=Signed)
    judged_before: tuple[int, ...] = ()

    @property
    def is_right(self) -> Bools:
        """On which test rows the label is the true one."""
        return np.asarray((self.probabilities >= self.threshold) == self.is_positive, dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Champion:
    """The version that serves, and its answers on those of the same test rows that it was not trained on.

    `rows` says which of the test rows these are; `probabilities` has one entry for each of them. `problem` says why it
    cannot be compared, and is empty where it can. `notes` are for a person.
    """

    version: int
    model_digest: str = ""
    threshold: float = 0.5
    rows: Bools = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    probabilities: Floats = field(default_factory=lambda: np.empty(0))
    problem: str = ""
    notes: tuple[str, ...] = ()
