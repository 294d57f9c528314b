from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vouchml.errors import (
    KeyExpired,
    KeyRevoked,
    KeyRoleWrong,
    KeyUnknown,
    SigningKeyInvalid,
    SigningKeyNotFound,
    TrustStoreInvalid,
)
from vouchml.trust.key_ring import ALGORITHMS, KeyRing
from vouchml.trust.signing_key import create_signing_key
from vouchml.trust.trust_store import ROLES


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / ".vouch" / "keys", tmp_path / "trust.toml")


def files(ring: KeyRing) -> list[str]:
    return sorted(path.name for path in ring.folder.glob("*.pem"))


def test_development_keys_are_made_once_for_every_role_and_say_what_they_are(ring: KeyRing) -> None:
    made = ring.add_development_keys()
    assert [key.role for key in made] == list(ROLES)
    assert all(key.development for key in made)
    assert [key.public_key.algorithm for key in made] == [ALGORITHMS[role] for role in ROLES]
    assert ring.add_development_keys() == ()
    assert ring.store().key == made
    assert all(ring.holds(key) for key in made)


def test_no_development_key_is_made_for_a_role_that_a_person_has(ring: KeyRing) -> None:
    ring.add("ada", email="ada@example.org", role="approver")
    assert "approver" not in [key.role for key in ring.add_development_keys()]


def test_the_private_halves_are_for_their_owner_alone(ring: KeyRing) -> None:
    ring.add_development_keys()
    modes = {path.stat().st_mode & 0o777 for path in ring.folder.glob("*.pem")}
    assert modes == {0o600}
    assert ring.folder.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE" not in ring.store_path.read_text()


def test_git_takes_the_public_halves_and_never_a_private_one(ring: KeyRing) -> None:
    ring.add_development_keys()
    git = ["git", "-C", str(ring.store_path.parent)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    assert subprocess.run([*git, "ls-files"], capture_output=True, text=True, check=True).stdout == "trust.toml\n"


def test_the_key_that_signs_is_the_only_one_of_its_role_or_the_one_that_is_named(ring: KeyRing) -> None:
    ada = ring.add("ada", email="ada@example.org", role="approver")
    assert ring.signer("approver")[1] == ada
    ben = ring.add("ben", email="ben@example.org", role="approver")
    with pytest.raises(SigningKeyNotFound, match="Several keys on this machine may sign as approver: ada, ben"):
        ring.signer("approver")
    key, trusted = ring.signer("approver", "ben")
    assert trusted == ben
    trusted.public_key.verify(key.sign(b"data"), b"data")


def test_a_key_whose_private_half_is_elsewhere_does_not_sign_here(ring: KeyRing) -> None:
    ada = ring.add("ada", email="ada@example.org", role="approver")
    (ring.folder / "ada.pem").unlink()
    for attempt in (None, "ada"):
        with pytest.raises(SigningKeyNotFound):
            ring.signer("approver", attempt)
    assert not ring.holds(ada)


def test_a_name_that_no_key_has_is_told_with_the_names_that_may_sign_and_how_to_make_one(ring: KeyRing) -> None:
    make = "To make one: vouch keys add NAME --role approver --email EMAIL"
    with pytest.raises(SigningKeyNotFound) as caught:
        ring.signer("approver", "ada")
    assert (caught.value.message, caught.value.remedy) == ("There is no key 'ada'.", make)
    ring.add("ada", email="ada@example.org", role="approver")
    ring.add("ben", email="ben@example.org", role="approver")
    ring.add("nightly", email="ops@example.org", role="gate")
    for name, message in (("adda", "There is no key 'adda'. Did you mean 'ada'?"), ("zoe", "There is no key 'zoe'.")):
        with pytest.raises(SigningKeyNotFound) as caught:
            ring.signer("approver", name)
        assert (caught.value.message, caught.value.remedy) == (message, f"May sign as approver here: ada, ben. {make}")
    with pytest.raises(KeyRoleWrong) as wrong:
        ring.signer("approver", "nightly")
    assert wrong.value.remedy == f"May sign as approver here: ada, ben. {make}"
    (ring.folder / "ada.pem").unlink()
    with pytest.raises(SigningKeyNotFound, match="'ada' is not on this machine") as caught:
        ring.signer("approver", "ada")
    assert caught.value.remedy == f"Sign where it is. May sign as approver here: ben. {make}"


def test_too_few_digits_of_an_id_are_told_with_the_keys_that_they_begin(ring: KeyRing) -> None:
    ada = ring.add("ada", email="ada@example.org", role="approver")
    with pytest.raises(SigningKeyNotFound, match=f"at least 8. Ids that begin so: {ada.key_id[:16]} of ada"):
        ring.revoke(ada.key_id[:7], reason="lost laptop")
    assert ring.store().key[0].revoked is None
    assert ring.revoke(ada.key_id[:8], reason="lost laptop").revoked is not None


def test_a_private_half_that_is_not_the_one_of_its_name_does_not_sign(ring: KeyRing) -> None:
    ada = ring.add("ada", email="ada@example.org", role="approver")
    (ring.folder / "ada.pem").write_bytes(create_signing_key("ed25519").to_pem())
    for name in (None, "ada"):
        with pytest.raises(KeyUnknown):
            ring.signer("approver", name)
    assert not ring.holds(ada)


def test_a_key_does_not_sign_for_another_role_nor_after_it_was_revoked(ring: KeyRing) -> None:
    ring.add("ada", email="ada@example.org", role="approver")
    with pytest.raises(KeyRoleWrong):
        ring.signer("gate", "ada")
    ring.revoke("ada", reason="lost laptop")
    with pytest.raises(KeyRevoked, match="lost laptop"):
        ring.signer("approver", "ada")
    with pytest.raises(SigningKeyNotFound):
        ring.signer("approver")


def test_a_rotated_key_is_closed_and_the_new_one_signs_from_the_same_second_on(ring: KeyRing) -> None:
    first = ring.add("ada", email="ada@example.org", role="approver")
    ((old, new),) = ring.rotate("ada")
    closed, opened = ring.store().key
    assert (old, opened) == (first, new)
    assert closed.valid_to is not None
    assert closed.valid_to.replace(microsecond=0) == new.valid_from
    assert (new.name, new.email, new.role) == ("ada", "ada@example.org", "approver")
    assert ring.signer("approver")[1] == new
    assert files(ring) == ["ada.pem"]
    with pytest.raises(KeyExpired):
        ring.store().verifier("approver", first.key_id, at=closed.valid_to)


def test_a_rotated_key_counts_for_what_it_signed_in_the_second_of_its_rotation(ring: KeyRing) -> None:
    ring.add("ada", email="ada@example.org", role="approver")
    signed_at = datetime.now(UTC)
    ((old, _),) = ring.rotate("ada")
    assert ring.store().verifier("approver", old.key_id, at=signed_at).key_id == old.key_id


def test_a_rotated_role_is_that_of_the_keys_on_this_machine(ring: KeyRing) -> None:
    ring.add("ada", email="ada@example.org", role="approver")
    ring.add("ben", email="ben@example.org", role="approver")
    (ring.folder / "ben.pem").unlink()
    assert [new.name for _, new in ring.rotate("approver")] == ["ada"]
    assert [new.name for _, new in ring.rotate("ben")] == ["ben"]


def test_a_rotation_that_ended_half_way_is_mended_by_another(ring: KeyRing) -> None:
    ring.add("ada", email="ada@example.org", role="approver")
    before = (ring.folder / "ada.pem").read_bytes()
    ring.rotate("ada")
    (ring.folder / "ada.pem").write_bytes(before)  # as if the program had ended before it wrote the new one
    with pytest.raises(KeyExpired):
        ring.signer("approver", "ada")
    ((_, new),) = ring.rotate("ada")
    assert ring.signer("approver", "ada")[1] == new


def test_revoking_twice_keeps_the_first_time_and_reason(ring: KeyRing) -> None:
    ring.add("ada", email="ada@example.org", role="approver")
    first = ring.revoke("ada", reason="lost laptop")
    assert ring.revoke(first.key_id[:8], reason="again") == first
    ring.add("ada", email="ada@example.org", role="approver")
    assert [key.revoked_reason for key in ring.store().key] == ["lost laptop", None]


def test_a_name_means_its_newest_key_even_of_two_from_the_same_second(ring: KeyRing) -> None:
    for _ in range(3):
        ring.add("ada", email="ada@example.org", role="approver")
        ((old, new),) = ring.rotate("ada")
        assert ring.revoke("ada", reason="x").key_id == new.key_id
        assert next(key for key in ring.store().key if key.key_id == old.key_id).revoked is None


def test_an_old_key_can_be_revoked_by_its_id(ring: KeyRing) -> None:
    old = ring.add("ada", email="ada@example.org", role="approver")
    ring.rotate("ada")
    ring.revoke(old.key_id, reason="found on a disk")
    assert [key.revoked is not None for key in ring.store().key] == [True, False]


def test_a_revoked_model_stays_so_with_its_first_reason(ring: KeyRing) -> None:
    first = ring.revoke_model("0" * 64, reason="wrong labels")
    assert ring.revoke_model("0" * 64, reason="again") == first
    assert ring.store().revoked_model == (first,)
    with pytest.raises(SigningKeyInvalid, match="64 hexadecimal digits"):
        ring.revoke_model("0" * 63, reason="x")


@pytest.mark.parametrize(
    ("name", "email", "role", "words"),
    [
        ("../ada", "a@b.c", "gate", "The name of a key"),
        ("ada", "nobody", "gate", "The email is not an e-mail address"),
        ("ada", "a@b.c\nrole = 'gate'", "gate", "The email is not"),
        ("ada", "a@b.c", "gat", "There is no role 'gat'. Did you mean 'gate'"),
    ],
)
def test_a_key_that_cannot_be_is_refused_and_nothing_is_written(
    ring: KeyRing, name: str, email: str, role: str, words: str
) -> None:
    with pytest.raises(SigningKeyInvalid, match=words):
        ring.add(name, email=email, role=role)
    assert not ring.store_path.exists()
    assert files(ring) == []


def test_a_name_in_use_and_an_unknown_one_are_told(ring: KeyRing) -> None:
    ring.add("ada", email="ada@example.org", role="approver")
    with pytest.raises(SigningKeyInvalid, match="There is a key 'ada' already"):
        ring.add("ada", email="ada@example.org", role="gate")
    for attempt in (lambda: ring.rotate("adda"), lambda: ring.revoke("adda", reason="x")):
        with pytest.raises(SigningKeyNotFound, match="Did you mean 'ada'"):
            attempt()
    with pytest.raises(SigningKeyInvalid, match="A reason is one line"):
        ring.revoke("ada", reason="a\nb")


def test_a_broken_trust_store_is_left_as_it_is_and_no_key_is_made(ring: KeyRing) -> None:
    ring.store_path.write_text("[[key]")
    with pytest.raises(TrustStoreInvalid):
        ring.add_development_keys()
    assert ring.store_path.read_text() == "[[key]"
    assert files(ring) == []


MAKE_FIVE = """
import sys
from pathlib import Path
from vouchml.trust.key_ring import KeyRing
ring = KeyRing(Path(sys.argv[1]), Path(sys.argv[2]))
for number in range(5):
    ring.add(f"{sys.argv[3]}-{number}", email="a@b.c", role="approver")
"""


def test_two_programs_that_make_keys_at_once_lose_none(ring: KeyRing) -> None:
    command = [sys.executable, "-c", MAKE_FIVE, str(ring.folder), str(ring.store_path)]
    programs = [subprocess.Popen([*command, who]) for who in ("one", "other")]
    assert [program.wait() for program in programs] == [0, 0]
    keys = ring.store().key
    assert {key.name for key in keys} == {f"{who}-{i}" for who in ("one", "other") for i in range(5)}
    assert all(ring.holds(key) for key in keys)
