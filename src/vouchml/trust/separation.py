"""How far those who sign must be apart: `[trust] separation`.

A key has one role, so an approver's key never is the one that signed the model. Whether it is the same person's is told
by the e-mail addresses in the trust store, which is as true as whoever keeps `trust.toml` makes it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal

from vouchml.errors import SeparationBroken
from vouchml.trust.trust_store import TrustedKey

Separation = Literal["none", "roles", "people"]


def require_apart(separation: Separation, signer: TrustedKey, authors: Sequence[TrustedKey]) -> None:
    """Check that `signer` is far enough from each of `authors`, whose work it judges.

    `none` asks for nothing, `roles` for another key, `people` for another e-mail address. All development keys are one
    person's.

    Raises:
        SeparationBroken: it is not.
    """
    if separation == "roles" and any(signer.key_id == author.key_id for author in authors):
        raise SeparationBroken(
            f"The key of {signer.name} judges what the same key made.",
            remedy="Have it signed by another key; [trust] separation says how far apart they must be.",
        )
    if separation == "people" and any(person_of(signer) == person_of(author) for author in authors):
        raise SeparationBroken(
            f"{signer.name} judges what the same person made.",
            remedy="Have it signed by another person; [trust] separation says how far apart they must be.",
        )


def person_of(key: TrustedKey) -> str:
    """Whose key it is: the e-mail address, however its letters are composed, and in whichever case."""
    return unicodedata.normalize("NFKC", key.email).casefold()
