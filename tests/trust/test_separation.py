from __future__ import annotations

import pytest
from tests.trust.signed_examples import trusted

from vouchml.errors import SeparationBroken
from vouchml.trust.separation import require_apart
from vouchml.trust.signing_key import create_signing_key
from vouchml.trust.trust_store import Role, TrustedKey


def key_of(name: str, role: Role, email: str) -> TrustedKey:
    return trusted(create_signing_key("ed25519"), role, name, email=email)


ADA_TRAINS = key_of("ada", "trainer", "ada@example.org")
ADA_APPROVES = key_of("ada-approves", "approver", "Ada@Example.org")
BEN_TRAINS, BEN_APPROVES = key_of("ben", "trainer", "b@b.c"), key_of("ben-approves", "approver", "b@b.c")


def test_people_apart_means_another_person_whatever_the_key_and_the_case_of_the_address() -> None:
    require_apart("people", BEN_APPROVES, [ADA_TRAINS])
    for authors in ([ADA_TRAINS], [BEN_TRAINS, ADA_TRAINS]):
        with pytest.raises(SeparationBroken, match="ada-approves judges what the same person made"):
            require_apart("people", ADA_APPROVES, authors)


def test_an_address_is_the_same_however_its_letters_are_composed() -> None:
    one = key_of("zoe", "trainer", "zo\u00e9@example.org")
    with pytest.raises(SeparationBroken):
        require_apart("people", key_of("zoe-approves", "approver", "zoe\u0301@example.org"), [one])


def test_roles_apart_means_another_key_and_lets_one_person_have_both() -> None:
    require_apart("roles", ADA_APPROVES, [ADA_TRAINS])
    with pytest.raises(SeparationBroken, match="what the same key made"):
        require_apart("roles", ADA_TRAINS, [ADA_TRAINS])


def test_none_asks_for_nothing() -> None:
    require_apart("none", ADA_TRAINS, [ADA_TRAINS])
