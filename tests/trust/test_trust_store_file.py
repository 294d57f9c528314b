from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vouchml.errors import FolderNotWritable, TrustStoreInvalid
from vouchml.trust.signing_key import create_signing_key
from vouchml.trust.trust_store import RevokedModel, TrustedKey
from vouchml.trust.trust_store_file import (
    parse_trust_store,
    read_trust_store,
    with_key,
    with_key_closed,
    with_key_revoked,
    with_model_revoked,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEYS = [create_signing_key("ed25519").public, create_signing_key("p256").public]
DER = [base64.b64encode(key.der).decode() for key in KEYS]


def entry(number: int = 0, **changes: str | None) -> str:
    fields: dict[str, str | None] = {
        "name": f'"{"ab"[number]}"',
        "email": '"a@example.org"',
        "role": '"trainer"',
        "public_key": f'"{DER[number]}"',
        "valid_from": "2026-06-01T12:00:00Z",
    }
    lines = [f"{name} = {value}" for name, value in (fields | changes).items() if value is not None]
    return "\n".join(["[[key]]", *lines, ""])


def trusted(number: int = 0, **changes: object) -> TrustedKey:
    fields = {"name": "ab"[number], "email": "a@example.org", "role": "trainer", "public_key": KEYS[number]}
    return TrustedKey.model_validate(fields | {"valid_from": NOW} | changes)


def test_a_key_in_pem_and_one_in_base64_are_read(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    path.write_text(entry(0, public_key=f'"""\n{KEYS[0].to_pem()}"""') + entry(1))
    assert read_trust_store(path).key == (trusted(0), trusted(1))


def test_without_a_file_nobody_is_trusted(tmp_path: Path) -> None:
    assert read_trust_store(tmp_path / "trust.toml").key == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (entry(valid_form="1"), "[[key]] 1: 'valid_form' is not known. Did you mean 'valid_from'?"),
        (entry() + entry(1, rol="1"), "[[key]] 2: 'rol' is not known. Did you mean 'role'?"),
        ("[[keys]]\n", "'keys' is not known. Did you mean 'key'?"),
        ("[[revoked_model]]\ndigset = 1\n", "[[revoked_model]] 1: digest: is required."),
        ("key = 3\n", "[[key]]: "),
        ("[key]\nname = 'a'\n", "[[key]]: "),
        ("[[key]\n", "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
        (entry(role='"trianer"'), "[[key]] 1: role: "),
        (entry(name='"../a"'), "[[key]] 1: name: is not 1 to 64 letters"),
        (entry(email='"nobody"'), "[[key]] 1: email: is not an e-mail address."),
        (entry(email=None), "[[key]] 1: email: is required."),
        (entry(public_key='"AAAA"'), "[[key]] 1: public_key: is not a public key in PEM or base64 of DER."),
        (entry(public_key="3"), "[[key]] 1: public_key: is not text."),
        (entry(valid_from="2026-06-01T12:00:00"), "[[key]] 1: valid_from: "),
        (entry(valid_from="2026-06-01"), "[[key]] 1: valid_from: "),
        (entry(valid_from="1780000000"), "[[key]] 1: valid_from: "),
        (entry(valid_from='"2026-06-01T12:00:00Z"'), "[[key]] 1: valid_from: "),
        (entry(valid_to="2026-05-01T12:00:00Z"), "[[key]] 1: valid_to is before valid_from."),
        (entry(revoked_reason='"x"'), "[[key]] 1: revoked_reason without revoked, the time of it."),
        (entry(revoked="true"), "[[key]] 1: revoked: "),
        (entry(development='"yes"'), "[[key]] 1: development: "),
        (entry() + entry(name='"c"', role='"gate"'), "the public key of 'a' stands twice, and a key has one role."),
        (entry() + entry(1, name='"a"'), "'a' has two keys that are valid at the same time."),
        ('[[revoked_model]]\ndigest = "0"\ntime = 2026-06-01T12:00:00Z\nreason = "x"\n', "[[revoked_model]] 1: digest"),
    ],
)
def test_what_cannot_be_is_refused_and_told_where(text: str, expected: str) -> None:
    with pytest.raises(TrustStoreInvalid) as refusal:
        parse_trust_store(text)
    assert f"trust.toml: {expected}" in refusal.value.message or f"trust.toml {expected}" in refusal.value.message
    assert refusal.value.remedy


def test_one_name_can_have_a_key_after_the_other_and_revoked_ones_beside() -> None:
    store = parse_trust_store(
        entry(valid_to="2026-07-01T12:00:00Z") + entry(1, name='"a"', valid_from="2026-07-01T12:00:00Z")
    )
    assert [key.name for key in store.key] == ["a", "a"]
    assert len(parse_trust_store(entry(revoked="2026-07-01T12:00:00Z") + entry(1, name='"a"')).key) == 2


@settings(deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda data: data.decode("latin-1")))
def test_no_text_ends_in_another_error(text: str) -> None:
    for whole in (text, f"[[key]]\n{text}", f"{entry()}{text}", f'[[revoked_model]]\ndigest = "{text}"'):
        try:
            parse_trust_store(whole)
        except TrustStoreInvalid:
            continue


COMMENTED = f"""\
# Who we trust.

[[key]]   # the first of us
role = 'trainer'
name = "a"   # Ada
email = "a@example.org"
public_key = \"\"\"
{KEYS[0].to_pem()}\"\"\"
valid_from = 2026-06-01T12:00:00Z # her first day

# Below are models that went wrong.
[[revoked_model]]
digest = "{"0" * 64}"
time = 2026-06-01T12:00:00Z
reason = "wrong labels"
# The end."""


def test_a_change_keeps_every_line_and_comment_that_people_wrote(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    path.write_text(COMMENTED)
    with_key(path, trusted(1))
    with_key_closed(path, KEYS[0].key_id, NOW + timedelta(days=1))
    with_key_revoked(path, KEYS[1].key_id, NOW, 'lost "laptop" \\ büro')
    with_model_revoked(path, RevokedModel(digest="1" * 64, time=NOW, reason="x"))
    text = path.read_text()
    lines = iter(text.splitlines())
    assert all(line in lines for line in COMMENTED.splitlines())
    assert "valid_from = 2026-06-01T12:00:00Z # her first day\nvalid_to = 2026-06-02T12:00:00Z\n" in text
    store = read_trust_store(path)
    assert store.key == (
        trusted(0, valid_to=NOW + timedelta(days=1)),
        trusted(1, revoked=NOW, revoked_reason='lost "laptop" \\ büro'),
    )
    assert [model.digest[0] for model in store.revoked_model] == ["0", "1"]


def test_a_time_that_stands_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    path.write_text(entry(0, valid_to="2027-01-01T00:00:00Z") + entry(1))
    with_key_closed(path, KEYS[0].key_id, NOW)
    assert read_trust_store(path).key == (trusted(0, valid_to=NOW), trusted(1))
    assert "2027" not in path.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "key = [{" + ", ".join(entry().splitlines()[1:]) + "}]\n",
        entry().replace("valid_from", '"valid_to" = 2027-01-01T00:00:00Z\nvalid_from'),
    ],
    ids=["keys_in_one_line", "a_quoted_field"],
)
def test_a_file_that_cannot_be_changed_line_by_line_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trust.toml"
    path.write_text(text)
    assert len(read_trust_store(path).key) == 1
    with pytest.raises(TrustStoreInvalid):
        with_key_closed(path, KEYS[0].key_id, NOW)
    assert path.read_text() == text


def test_the_file_is_for_everybody_to_read_and_its_folder_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with_key(tmp_path / "trust.toml", trusted())
    assert (tmp_path / "trust.toml").stat().st_mode & 0o777 == 0o644
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["trust.toml"]


def test_a_folder_that_is_not_there_and_a_folder_in_the_place_of_the_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(FolderNotWritable):
        with_key(tmp_path / "missing" / "trust.toml", trusted())
    with pytest.raises(TrustStoreInvalid, match="cannot be read"):
        read_trust_store(tmp_path)


def test_a_file_that_is_not_utf8_or_too_long_is_told(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(TrustStoreInvalid, match="not UTF-8"):
        read_trust_store(path)
    path.write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    with pytest.raises(TrustStoreInvalid, match="longer than 4 MiB"):
        read_trust_store(path)
