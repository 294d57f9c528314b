"""What the checks of a chain came to: link by link, and in one word.

A chain is anything that holds only if each of its links does: a receipt, a trace, a pack.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal, Protocol

Outcome = Literal["ok", "failed", "incomplete"]

_EXIT_STATUS: Final[dict[Outcome, Literal[0, 1, 2]]] = {"ok": 0, "failed": 1, "incomplete": 2}


class LinkStatus(StrEnum):
    """What a check of one link came to."""

    VERIFIED = "verified"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class CheckedLink(Protocol):
    """One link, and why it has its status."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def status(self) -> LinkStatus:
        """What its check came to."""
        ...

    @property
    def reason(self) -> str:
        """Why."""
        ...


class Chain:
    """What has links, and holds as far as they do."""

    __slots__ = ()
    links: Sequence[CheckedLink]

    @property
    def outcome(self) -> Outcome:
        """`failed` when a link failed, `incomplete` when one could not be checked, otherwise `ok`."""
        found = {link.status for link in self.links}
        if LinkStatus.FAILED in found:
            return "failed"
        return "incomplete" if LinkStatus.NOT_CHECKED in found else "ok"

    @property
    def exit_status(self) -> Literal[0, 1, 2]:
        """The outcome for a shell: 0 ok, 1 failed, 2 incomplete."""
        return _EXIT_STATUS[self.outcome]
