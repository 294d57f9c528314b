"""The links of a pack's chain, and what the check of each came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vouchml.errors import (
    KeyExpired,
    KeyNotYetValid,
    KeyRevoked,
    KeyRoleWrong,
    KeyUnknown,
    VouchError,
)
from vouchml.ledger.link import Chain, LinkStatus

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
class CheckedPack(Chain):
    """What the check of a pack came to."""

    links: tuple[PackLink, ...]


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
