"""What differs between two documents, such as manifests or contracts: the places where they say something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One place where two documents differ; None where one of them has nothing."""

    place: str
    first: Any
    second: Any


def differences(first: Any, second: Any, place: str = "") -> Iterator[Difference]:
    """Every place where `first` and `second` differ. Lists are compared as a whole, objects key by key."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in dict.fromkeys((*first, *second)):
            yield from differences(first.get(key), second.get(key), f"{place}.{key}" if place else str(key))
    elif first != second:
        yield Difference(place, first, second)
