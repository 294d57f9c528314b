import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.cli.processes import run

from vouchml.trust.key_ring import KeyRing

ROLES = ["trainer", "evaluator", "approver", "gate", "ledger"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "vouch.toml").write_text(
        '[project]\nregistered_model = "m"\nexperiment = "e"\n[data]\npath = "t.csv"\ntarget = "t"\n'
        'positive_class = "1"\n'
    )
    return tmp_path


def ring(project: Path) -> KeyRing:
    return KeyRing(project / ".vouch" / "keys", project / "trust.toml")


def listed(project: Path) -> list[dict[str, Any]]:
    told = run("keys", "list", "--json", cwd=project)
    assert told.returncode == 0, told.stderr
    keys: list[dict[str, Any]] = json.loads(told.stdout)
    return keys


def test_init_makes_development_keys_once_and_says_loudly_what_they_are(project: Path) -> None:
    told = run("keys", "init", cwd=project)
    assert told.returncode == 0, told.stderr
    assert "WARNING: these are DEVELOPMENT KEYS." in told.stderr
    assert told.stdout.count("DEVELOPMENT") == len(ROLES)
    keys = listed(project)
    assert [key["role"] for key in keys] == ROLES
    assert all(key["development"] and key["private_half"] == "here" and key["state"] == "active" for key in keys)
    before = (project / "trust.toml").read_bytes()
    again = run("keys", "init", cwd=project)
    assert (again.returncode, again.stdout) == (0, "")
    assert "nothing was made" in again.stderr
    assert (project / "trust.toml").read_bytes() == before


def test_a_colleague_without_the_private_halves_is_told_how_to_replace_them(project: Path) -> None:
    run("keys", "init", cwd=project)
    (project / ".vouch" / "keys" / "development-gate.pem").unlink()
    told = run("keys", "init", cwd=project)
    assert "The private half of development-gate is not on this machine." in told.stderr
    assert run("keys", "rotate", "development-gate", cwd=project).returncode == 0
    assert ring(project).signer("gate")[1].name == "development-gate"


def test_the_list_shows_role_person_and_state_and_no_private_half(project: Path) -> None:
    added = run("keys", "add", "ada", "--role", "approver", "--email", "ada@example.org", cwd=project)
    assert re.fullmatch(r"The key [0-9a-f]{16} of ada signs as approver from now on\.\n", added.stdout)
    assert run("keys", "rotate", "ada", cwd=project).returncode == 0
    assert run("keys", "revoke", "ada", "--reason", "lost laptop", cwd=project).returncode == 0
    table = run("keys", "list", cwd=project).stdout
    assert table.count("ada@example.org") == 2
    for word in ("approver", "expired", "revoked"):
        assert word in table
    old, new = listed(project)
    assert (old["state"], new["state"], new["revoked_reason"]) == ("expired", "revoked", "lost laptop")
    assert old["valid_to"] == new["valid_from"]
    assert new["public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")
    private = (project / ".vouch" / "keys" / "ada.pem").read_text().splitlines()[1]
    assert private[-30:] not in table + json.dumps([old, new]) + (project / "trust.toml").read_text()


def test_the_list_tells_of_a_private_half_that_is_elsewhere_or_open_to_others(project: Path) -> None:
    run("keys", "init", cwd=project)
    folder = project / ".vouch" / "keys"
    (folder / "development-gate.pem").unlink()
    (folder / "development-ledger.pem").chmod(0o644)
    halves = {key["role"]: key["private_half"] for key in listed(project)}
    assert halves == dict.fromkeys(ROLES, "here") | {"gate": "elsewhere", "ledger": "unusable"}


def test_every_change_prints_json_for_programs(project: Path) -> None:
    made = json.loads(run("keys", "init", "--json", cwd=project).stdout)
    assert [key["role"] for key in made] == ROLES
    assert json.loads(run("keys", "init", "--json", cwd=project).stdout) == []
    (rotated,) = json.loads(run("keys", "rotate", "trainer", "--json", cwd=project).stdout)
    assert rotated["name"] == "development-trainer"
    assert rotated["key_id"] not in [key["key_id"] for key in made]
    revoked = json.loads(run("keys", "revoke", rotated["key_id"], "--reason", "x", "--json", cwd=project).stdout)
    assert (revoked["key_id"], revoked["state"]) == (rotated["key_id"], "revoked")
    added = run("keys", "add", "ada", "--role", "gate", "--email", "ada@example.org", "--json", cwd=project)
    assert set(json.loads(added.stdout)) == set(made[0])


def test_the_settings_say_where_the_keys_and_the_store_are(project: Path) -> None:
    with (project / "vouch.toml").open("a") as file:
        file.write('[trust]\nstore = "who/trust.toml"\nkeys = "secret"\n')
    (project / "who").mkdir()
    assert run("keys", "init", cwd=project).returncode == 0
    assert (project / "who" / "trust.toml").exists()
    assert len(list((project / "secret").glob("*.pem"))) == len(ROLES)


def test_without_keys_the_list_says_how_to_make_them(project: Path) -> None:
    told = run("keys", "list", cwd=project)
    assert (told.returncode, told.stdout) == (0, "")
    assert "vouch keys init" in told.stderr
    assert json.loads(run("keys", "list", "--json", cwd=project).stdout) == []
    assert not (project / ".vouch").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["add", "ada", "--role", "aprover", "--email", "a@b.c"],
            "There is no role 'aprover'. Did you mean 'approver'?",
        ),
        (["add", "../ada", "--role", "gate", "--email", "a@b.c"], "The name of a key is 1 to 64 letters"),
        (["add", "ada", "--role", "gate", "--email", "ada"], "The email is not an e-mail address."),
        (["rotate", "ada"], "There is no such key."),
        (["revoke", "ada", "--reason", "x"], "There is no such key."),
        (["revoke", "ada"], "Missing option '--reason'."),
    ],
)
def test_a_mistake_gets_one_clear_line_and_makes_nothing(project: Path, arguments: list[str], words: str) -> None:
    told = run("keys", *arguments, cwd=project)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"error: {words}")
    assert len(told.stderr.splitlines()) == 2
    assert not (project / "trust.toml").exists()


def test_a_broken_trust_store_is_told_and_left_as_it_is(project: Path) -> None:
    (project / "trust.toml").write_text('[[key]]\nrol = "gate"\n')
    for arguments in (["list"], ["init"], ["rotate", "gate"]):
        told = run("keys", *arguments, cwd=project)
        assert (told.returncode, told.stdout) == (8, "")
        assert told.stderr.startswith("error: trust.toml: [[key]] 1: ")
    assert (project / "trust.toml").read_text() == '[[key]]\nrol = "gate"\n'
