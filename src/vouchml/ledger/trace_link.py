"""What a trace is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vouchml.ledger.link import LinkStatus

Part = Literal["record", "log", "model", "origin"]
Fact = str | int | bool | None


@dataclass(frozen=True, slots=True)
class TraceLink:
    """One link: what it is, whether it holds, why, and what it names."""

    part: Part
    name: str
    status: LinkStatus
    reason: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
