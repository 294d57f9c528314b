"""The links of a pack's chain, and what the check of each came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vouchml.errors import (
    KeyExpired,
    KeyNotYetValid,
    KeyRevoked,
    KeyRoleWrong,
    KeyUnknown,
    VouchError,
)
from vouchml.ledger.receipt_check import LinkStatus

DISTRUSTED: Final = (KeyUnknown, KeyExpired, KeyNotYetValid, KeyRevoked, KeyRoleWrong)


class NotThere(Exception):
    """A link cannot be checked, and why: what it takes is not there. It never leaves the check of a pack."""


@dataclass(frozen=True, slots=True)
class PackLink:
    """One link, and why it has its status."""

    name: str
    status: LinkStatus
    reason: str


@dataclass(frozen=True, slots=True)
class CheckedPack:
    """What the check of a pack came to."""

    links: tuple[PackLink, ...]

    @property
    def outcome(self) -> Literal["ok", "failed", "incomplete"]:
        """`failed` when a link failed, `incomplete` when one could not be checked, otherwise `ok`."""
        found = {link.status for link in self.links}
        if LinkStatus.FAILED in found:
            return "failed"
        return "incomplete" if LinkStatus.NOT_CHECKED in found else "ok"

    @property
    def exit_status(self) -> Literal[0, 1, 2]:
        """The outcome for a shell: 0 ok, 1 failed, 2 incomplete."""
        statuses: dict[str, Literal[0, 1, 2]] = {"ok": 0, "failed": 1, "incomplete": 2}
        return statuses[self.outcome]


def link(name: str, check: Callable[[], str], *, may_be_others: bool = False) -> PackLink:
    """Run a check and say what it came to.

    With `may_be_others` a signature by a key that does not count is only set aside: anybody can put a statement beside
    a version, and it then speaks neither for nor against it.
    """
    try:
        return PackLink(name, LinkStatus.VERIFIED, check())
    except NotThere as missing:
        return PackLink(name, LinkStatus.NOT_CHECKED, str(missing))
    except DISTRUSTED as error:
        return PackLink(name, LinkStatus.NOT_CHECKED if may_be_others else LinkStatus.FAILED, error.message)
    except VouchError as error:
        return PackLink(name, LinkStatus.FAILED, error.message)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return PackLink(name, LinkStatus.FAILED, "It is not as this kind of file should be.")


def signed_by(names: Sequence[str]) -> str:
    """The words for whose keys signed."""
    return f"Signed by {', '.join(names)}"
