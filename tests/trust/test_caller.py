import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.errors import CredentialsInvalid, CredentialsMissing, NoModelLoaded, ScopeMissing
from vouchml.trust import SCOPES, Caller, Scope, challenge, presented_key
from vouchml.trust.caller import with_implied

TOKEN = st.text("abcdefghijABCDEFGHIJ0123456789-_", min_size=1).map(str.encode)


@pytest.mark.parametrize(
    ("scope", "allowed"), [("predict", {"predict"}), ("read", {"read"}), ("operate", {"operate", "read"})]
)
def test_who_may_operate_may_read_and_nothing_else_is_implied(scope: Scope, allowed: set[str]) -> None:
    caller = Caller("a", "0" * 12, with_implied([scope]))
    for wanted in SCOPES:
        if wanted in allowed:
            caller.require(wanted)
        else:
            with pytest.raises(ScopeMissing, match=f"This API key has no scope '{wanted}'"):
                caller.require(wanted)


def test_a_caller_without_a_key_is_not_told_about_a_key() -> None:
    with pytest.raises(ScopeMissing, match="A caller without an API key has no scope 'operate'"):
        Caller("anonymous", None, with_implied(["read"])).require("operate")


@given(TOKEN, st.sampled_from([b"Bearer", b"bearer", b"BEARER"]), st.integers(1, 3))
def test_both_headers_carry_a_key_as_it_is(token: bytes, scheme: bytes, spaces: int) -> None:
    assert presented_key([(b"host", b"x"), (b"authorization", scheme + b" " * spaces + token)]) == token
    assert presented_key([(b"x-api-key", token), (b"accept", b"*/*")]) == token
    assert presented_key([(b"x-api-key", token), (b"authorization", b"Bearer " + token)]) == token


@given(TOKEN, TOKEN)
def test_two_different_keys_are_refused_and_neither_is_repeated(one: bytes, other: bytes) -> None:
    one, other = b"vouch_1" + one, b"vouch_2" + other
    for headers in (
        [(b"x-api-key", one), (b"authorization", b"Bearer " + other)],
        [(b"authorization", b"Bearer " + one), (b"authorization", b"Bearer " + other)],
        [(b"x-api-key", one), (b"x-api-key", other)],
    ):
        with pytest.raises(CredentialsInvalid, match="two different") as refusal:
            presented_key(headers)
        assert one.decode() not in refusal.value.diagnostics()
        assert other.decode() not in refusal.value.diagnostics()


@pytest.mark.parametrize("value", [b"", b"Basic dTpw", b"Digest x", b"BearerX abc", b"abc"])
def test_another_scheme_is_no_api_key(value: bytes) -> None:
    assert presented_key([(b"authorization", value)]) is None
    assert presented_key([(b"authorization", value), (b"x-api-key", b"k")]) == b"k"


@pytest.mark.parametrize("headers", [[(b"authorization", b"Bearer")], [(b"x-api-key", b"")]])
def test_an_empty_key_is_a_key_that_is_wrong_not_one_that_is_missing(headers: list[tuple[bytes, bytes]]) -> None:
    assert presented_key(headers) == b""


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"x-api-key", b"cookie"]), st.binary(max_size=40))))
def test_any_headers_give_a_key_that_stood_there_or_none_or_a_refusal(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        key = presented_key(headers)
    except CredentialsInvalid:
        assert len({value for name, value in headers if name != b"cookie"}) > 1
        return
    if key is not None:
        assert any(value.endswith(key) for name, value in headers if name != b"cookie")


def test_the_challenge_says_what_is_wrong_as_rfc_6750_does() -> None:
    assert challenge(CredentialsMissing("x")) == 'Bearer realm="vouchml"'
    assert challenge(CredentialsInvalid("x")) == 'Bearer realm="vouchml", error="invalid_token"'
    assert (
        challenge(ScopeMissing("x", scope="read")) == 'Bearer realm="vouchml", error="insufficient_scope", scope="read"'
    )
    assert challenge(NoModelLoaded("x")) is None
