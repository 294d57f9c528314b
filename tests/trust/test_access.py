from pathlib import Path

import pytest

from vouchml.errors import AnonymousRefused, CredentialsInvalid, CredentialsMissing
from vouchml.trust import Access, ApiKeysFile, create_api_key, require_keys_for, revoke_api_key

HERE = ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"]
ELSEWHERE = ["0.0.0.0", "::", "", "10.0.0.5", "fe80::1", "::ffff:10.0.0.5", "vouch.example", "127.1", "localhost.evil"]


@pytest.mark.parametrize("host", HERE)
@pytest.mark.parametrize("keys_exist", [False, True])
def test_this_machines_own_address_needs_nothing(host: str, keys_exist: bool) -> None:
    rule = require_keys_for(host, keys_exist=keys_exist, allow_anonymous=False)
    assert rule.anonymous is not None
    assert rule.anonymous.scopes == {"predict", "read", "operate"}
    assert rule.warning == ""


@pytest.mark.parametrize("host", ELSEWHERE)
def test_any_other_address_without_keys_is_refused_and_both_ways_out_are_named(host: str) -> None:
    with pytest.raises(AnonymousRefused) as refusal:
        require_keys_for(host, keys_exist=False, allow_anonymous=False)
    assert (refusal.value.code, refusal.value.exit_status) == ("anonymous-refused", 8)
    assert "vouch keys api create" in refusal.value.remedy
    assert "--allow-anonymous" in refusal.value.remedy


@pytest.mark.parametrize("host", ELSEWHERE)
def test_any_other_address_with_keys_lets_nobody_in_without_one(host: str) -> None:
    rule = require_keys_for(host, keys_exist=True, allow_anonymous=False)
    assert (rule.anonymous, rule.warning) == (None, "")


@pytest.mark.parametrize("host", ELSEWHERE)
def test_whoever_lets_everyone_call_is_warned_and_nobody_may_operate(host: str) -> None:
    rule = require_keys_for(host, keys_exist=False, allow_anonymous=True)
    assert rule.anonymous is not None
    assert rule.anonymous.scopes == {"predict", "read"}
    assert rule.warning.startswith("Anyone who reaches ")


def test_letting_everyone_call_does_not_switch_off_keys_that_exist(tmp_path: Path) -> None:
    create_api_key(tmp_path / "api-keys.json", name="ci", scopes=["predict"])
    rule = require_keys_for("0.0.0.0", keys_exist=True, allow_anonymous=True)
    assert "every call needs one" in rule.warning
    with pytest.raises(CredentialsMissing):
        Access(ApiKeysFile(tmp_path / "api-keys.json"), rule.anonymous).caller(None)


def test_a_service_is_open_until_its_first_key_and_stays_closed_when_the_last_is_revoked(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "api-keys.json"
    rule = require_keys_for("127.0.0.1", keys_exist=False, allow_anonymous=False)
    access = Access(ApiKeysFile(path, look_every=0.0), rule.anonymous)
    assert access.caller(None).name == "anonymous"
    key, text = create_api_key(path, name="ci", scopes=["predict"])
    with pytest.raises(CredentialsMissing):
        access.caller(None)
    assert access.caller(text.encode()).name == "ci"
    revoke_api_key(path, key.id)
    with pytest.raises(CredentialsMissing):
        access.caller(None)
    with pytest.raises(CredentialsInvalid):
        access.caller(text.encode())


def test_a_wrong_key_is_refused_even_where_none_is_needed(tmp_path: Path) -> None:
    rule = require_keys_for("::1", keys_exist=False, allow_anonymous=False)
    with pytest.raises(CredentialsInvalid):
        Access(ApiKeysFile(tmp_path / "api-keys.json"), rule.anonymous).caller(b"vouch_")
