from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vouchml.errors import KeyExpired, KeyNotYetValid, KeyRevoked, KeyRoleWrong, KeyUnknown, ModelRevoked
from vouchml.trust.signing_key import create_signing_key
from vouchml.trust.trust_store import ROLES, RevokedModel, TrustedKey, TrustStore, find_keys

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PUBLIC = create_signing_key("ed25519").public


def trusted(**changes: object) -> TrustedKey:
    fields = {"name": "ada", "email": "ada@example.org", "role": "approver", "public_key": PUBLIC, "valid_from": NOW}
    return TrustedKey.model_validate(fields | changes)


def test_a_key_counts_for_its_role_within_its_time() -> None:
    key = trusted(valid_to=NOW + DAY)
    store = TrustStore(key=(key,))
    assert store.verifier("approver", key.key_id, at=NOW) == key
    assert store.verifier("approver", key.key_id, at=NOW + DAY - timedelta(microseconds=1)) == key
    assert store.signers("approver", at=NOW) == (key,)


def test_an_unknown_key_is_refused_and_only_what_looks_like_an_id_is_repeated() -> None:
    store = TrustStore(key=(trusted(),))
    with pytest.raises(KeyUnknown, match="The key aaaaaaaaaaaaaaaa is not in the trust store"):
        store.verifier("approver", "a" * 64, at=NOW)
    for key_id in ("", "secret", "\x1b[31m" + "a" * 59, PUBLIC.key_id.upper()):
        with pytest.raises(KeyUnknown) as refusal:
            store.verifier("approver", key_id, at=NOW)
        assert "secret" not in refusal.value.message
        assert "\x1b" not in refusal.value.message


@pytest.mark.parametrize("role", [role for role in ROLES if role != "approver"])
def test_a_key_of_another_role_is_refused(role: str) -> None:
    with pytest.raises(KeyRoleWrong, match=f"has the role {role}, and this needs the role approver"):
        TrustStore(key=(trusted(role=role),)).verifier("approver", PUBLIC.key_id, at=NOW)


def test_a_key_before_and_after_its_time_is_refused() -> None:
    store = TrustStore(key=(trusted(valid_to=NOW + DAY),))
    with pytest.raises(KeyNotYetValid):
        store.verifier("approver", PUBLIC.key_id, at=NOW - timedelta(microseconds=1))
    for late in (NOW + DAY, NOW + 400 * DAY):
        with pytest.raises(KeyExpired):
            store.verifier("approver", PUBLIC.key_id, at=late)
        assert store.signers("approver", at=late) == ()


@pytest.mark.parametrize("days", [0, 1, 30])
def test_a_revoked_key_is_refused_for_every_time_even_before_it_was_revoked(days: int) -> None:
    store = TrustStore(key=(trusted(revoked=NOW + 10 * DAY, revoked_reason="lost laptop"),))
    with pytest.raises(KeyRevoked, match="was revoked 2026-06-11: lost laptop"):
        store.verifier("approver", PUBLIC.key_id, at=NOW + days * DAY)
    assert store.signers("approver", at=NOW + days * DAY) == ()


def test_that_a_key_is_revoked_is_told_before_its_role() -> None:
    with pytest.raises(KeyRevoked):
        TrustStore(key=(trusted(revoked=NOW),)).verifier("gate", PUBLIC.key_id, at=NOW)


def test_a_revoked_model_is_refused_with_its_reason_and_others_are_not() -> None:
    store = TrustStore(revoked_model=(RevokedModel(digest="0" * 64, time=NOW, reason="wrong labels"),))
    with pytest.raises(ModelRevoked, match="was revoked 2026-06-01: wrong labels"):
        store.require_not_revoked("0" * 64)
    store.require_not_revoked("1" * 64)


def test_a_state_has_a_word() -> None:
    key = trusted(valid_to=NOW + DAY)
    states = [key.state(NOW - DAY), key.state(NOW), key.state(NOW + DAY), trusted(revoked=NOW).state(NOW - DAY)]
    assert states == ["not yet valid", "active", "expired", "revoked"]


def test_a_key_is_meant_by_its_name_or_the_beginning_of_its_id() -> None:
    key = trusted()
    assert find_keys([key], "ada") == find_keys([key], key.key_id[:8]) == find_keys([key], key.key_id.upper()) == (key,)
    assert find_keys([key], key.key_id[:7]) == find_keys([key], "") == ()


def test_at_any_time_only_revocations_and_roles_count() -> None:
    later = trusted(valid_from=NOW + DAY, valid_to=NOW + 2 * DAY)
    store = TrustStore(key=(later,)).at_any_time()
    assert store.verifier("approver", later.key_id, at=NOW).name == later.name
    with pytest.raises(KeyRoleWrong):
        store.verifier("gate", later.key_id, at=NOW)
    revoked = TrustStore(key=(trusted(revoked=NOW),)).at_any_time()
    with pytest.raises(KeyRevoked):
        revoked.verifier("approver", later.key_id, at=NOW)
