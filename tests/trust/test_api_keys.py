import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.errors import ApiKeyInvalid, CredentialsInvalid, CredentialsMissing
from vouchml.trust import ApiKey, ApiKeys
from vouchml.trust.api_keys import new_api_key

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
KEY, TEXT = new_api_key("nightly batch", ["predict"], taken=())
KEYS = ApiKeys([new_api_key("another", ["read"], taken=())[0], KEY])


def test_a_good_key_says_who_calls_and_what_they_may_do() -> None:
    caller = KEYS.authenticate(TEXT.encode())
    assert (caller.name, caller.key_id) == ("nightly batch", KEY.id)
    assert caller.scopes == {"predict"}


def test_a_key_has_the_form_and_the_checksum_that_a_scanner_looks_for() -> None:
    found = re.fullmatch(r"(vouch_[0-9a-f]{12}_[A-Za-z0-9_-]{43})_([0-9a-f]{8})", TEXT)
    assert found is not None
    assert int(found[2], 16) == zlib.crc32(found[1].encode())


def test_no_two_keys_are_alike_and_a_taken_id_is_not_given_again() -> None:
    made = [new_api_key("a", ["read"], taken=()) for _ in range(100)]
    assert len({text for _, text in made}) == len({key.sha256 for key, _ in made}) == 100


def test_nothing_that_is_kept_or_shown_of_a_key_holds_its_secret() -> None:
    secret = TEXT.split("_", 2)[2]
    for shown in (repr(KEY), str(KEY), KEY.model_dump_json(), repr(KEYS.authenticate(TEXT.encode()))):
        assert secret not in shown
    assert KEY.sha256 not in repr(KEY)


def test_no_key_is_told_apart_from_a_wrong_one() -> None:
    with pytest.raises(CredentialsMissing, match="needs an API key"):
        KEYS.authenticate(None)
    with pytest.raises(CredentialsInvalid, match="no such API key"):
        KEYS.authenticate(b"")


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_a_key_with_one_other_byte_is_refused(place: int, byte: int) -> None:
    changed = TEXT.encode()[:place] + bytes([byte]) + TEXT.encode()[place + 1 :]
    if changed == TEXT.encode():
        assert KEYS.authenticate(changed).key_id == KEY.id
    else:
        with pytest.raises(CredentialsInvalid):
            KEYS.authenticate(changed)


@given(st.binary(min_size=9).map(lambda end: b"vouch_" + KEY.id.encode() + b"_" + end) | st.binary(min_size=9))
def test_whatever_is_presented_is_refused_and_never_repeated(presented: bytes) -> None:
    with pytest.raises(CredentialsInvalid) as refusal:
        KEYS.authenticate(presented)
    assert presented.decode("latin-1") not in refusal.value.diagnostics()


@pytest.mark.parametrize("extra", [b" ", b"\n", b"\0", b"x"])
def test_a_key_with_something_before_or_after_it_is_refused(extra: bytes) -> None:
    for presented in (TEXT.encode() + extra, extra + TEXT.encode()):
        with pytest.raises(CredentialsInvalid):
            KEYS.authenticate(presented)


def test_a_key_of_one_caller_with_the_id_of_another_is_refused() -> None:
    other = KEYS.keys[0].id
    with pytest.raises(CredentialsInvalid, match="no such API key"):
        KEYS.authenticate(TEXT.replace(KEY.id, other).encode())


def test_a_revoked_key_is_refused_and_its_holder_is_told_why() -> None:
    keys = ApiKeys([KEY.model_copy(update={"revoked": NOW})])
    with pytest.raises(CredentialsInvalid, match="This API key is revoked"):
        keys.authenticate(TEXT.encode())
    assert keys.exist


def test_a_key_is_good_until_the_moment_that_it_expires() -> None:
    key, text = new_api_key("a", ["read"], taken=(), expires="12h")
    assert ApiKeys([key]).authenticate(text.encode()).name == "a"
    past, text = new_api_key("a", ["read"], taken=(), expires="12h", now=datetime.now(UTC) - timedelta(hours=13))
    with pytest.raises(CredentialsInvalid, match="This API key is expired"):
        ApiKeys([past]).authenticate(text.encode())


def test_the_state_of_a_key_turns_at_its_times() -> None:
    key, _ = new_api_key("a", ["read"], taken=(), expires="1h", now=NOW)
    assert key.expires is not None
    assert key.state(key.expires - timedelta(microseconds=1)) == "active"
    assert key.state(key.expires) == "expired"
    assert key.model_copy(update={"revoked": NOW}).state(NOW) == "revoked"


def test_without_keys_every_key_is_refused() -> None:
    assert not ApiKeys().exist
    with pytest.raises(CredentialsInvalid):
        ApiKeys().authenticate(TEXT.encode())


def test_scopes_are_kept_once_and_in_one_order() -> None:
    key, _ = new_api_key("a", ["operate", "predict", "predict"], taken=())
    assert key.scopes == ("predict", "operate")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("predcit", "Did you mean 'predict'"), ("READ", "Did you mean 'read'"), ("operator", "'operate'"), ("zzz", "")],
)
def test_a_mistyped_scope_suggests_the_nearest(word: str, hint: str) -> None:
    with pytest.raises(ApiKeyInvalid, match=f"There is no scope '{word}'") as refusal:
        new_api_key("a", [word], taken=())
    assert hint in refusal.value.message
    assert refusal.value.remedy == "The scopes are predict, read, operate."


def test_a_key_without_a_scope_is_refused() -> None:
    with pytest.raises(ApiKeyInvalid, match="needs a scope"):
        new_api_key("a", [], taken=())


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31m", "x" * 101])
def test_a_name_that_would_spoil_a_log_line_is_refused(name: str) -> None:
    with pytest.raises(ApiKeyInvalid, match="printable"):
        new_api_key(name, ["read"], taken=())


@pytest.mark.parametrize(("text", "hours"), [("1h", 1), ("90d", 90 * 24), ("52w", 52 * 7 * 24), ("36500d", 876_000)])
def test_a_lifetime_is_hours_days_or_weeks(text: str, hours: int) -> None:
    key, _ = new_api_key("a", ["read"], taken=(), expires=text, now=NOW)
    assert key.expires == NOW + timedelta(hours=hours)


@given(st.text(max_size=12) | st.from_regex(r"-?[0-9]{1,9}[a-zA-Z]?", fullmatch=True))
def test_a_lifetime_is_positive_and_up_to_a_century_or_refused(text: str) -> None:
    try:
        key, _ = new_api_key("a", ["read"], taken=(), expires=text, now=NOW)
    except ApiKeyInvalid:
        return
    assert key.expires is not None
    assert timedelta(hours=1) <= key.expires - NOW <= timedelta(days=36_501)


def test_what_is_kept_reads_back_as_it_was() -> None:
    key, _ = new_api_key("größe", ["predict", "read"], taken=(), expires="90d")
    assert ApiKey.model_validate_json(key.model_dump_json()) == key
