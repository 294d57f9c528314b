"""Which slot of a worker's memory belongs to which member of which series.

The slots follow from the list of series alone, so every worker of one release has the same; the digest tells files
of another release from ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vouchml.canonical_json import canonical_json
from vouchml.serving.metrics.series import SERIES, Series


@dataclass(frozen=True, eq=False)
class Layout:
    """Slots for `series`: `starts` has the first one of each member, by the name of the series and label values."""

    series: tuple[Series, ...]
    starts: Mapping[str, Mapping[tuple[str, ...], int]]
    slots: int
    digest: bytes

    @classmethod
    def of(cls, series: tuple[Series, ...] = SERIES) -> Layout:
        """Lay out `series` one after the other."""
        starts: dict[str, dict[tuple[str, ...], int]] = {}
        free = 0
        for one in series:
            starts[one.name] = {}
            for member in one.members:
                starts[one.name][member] = free
                free += one.width
        return cls(series=series, starts=starts, slots=free, digest=_digest(series))

    def start(self, name: str, *member: str) -> int:
        """The first slot of the member of series `name` that has these label values."""
        return self.starts[name][member]

    def by_value(self, name: str) -> dict[str, int]:
        """The first slots of a series with one label, by its value."""
        return {member[0]: start for member, start in self.starts[name].items()}

    def without_gauges(self, values: Sequence[float]) -> list[float]:
        """`values` of a worker that has ended: what it counted stays, what it had under way is gone."""
        kept = list(values)
        for one in self.series:
            if one.kind == "gauge":
                for start in self.starts[one.name].values():
                    kept[start] = 0.0
        return kept


def _digest(series: tuple[Series, ...]) -> bytes:
    told = [
        {
            "name": one.name,
            "kind": one.kind,
            "labels": [[label.name, list(label.values)] for label in one.labels],
            "buckets": list(one.buckets),
        }
        for one in series
    ]
    return hashlib.sha256(canonical_json(told)).digest()
