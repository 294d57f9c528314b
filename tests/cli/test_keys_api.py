import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.processes import run

from vouchml.trust import ApiKeysFile, api_keys_path

KEY = re.compile(r"vouch_[0-9a-f]{12}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "vouch.toml").write_text(
        '[project]\nregistered_model = "m"\nexperiment = "e"\n[data]\npath = "t.csv"\ntarget = "t"\n'
        'positive_class = "1"\n'
    )
    return tmp_path


def keys_of(project: Path) -> ApiKeysFile:
    return ApiKeysFile(api_keys_path(project / ".vouch"))


def created(project: Path, *arguments: str) -> dict[str, str]:
    told = run("keys", "api", "create", *arguments, "--json", cwd=project)
    assert told.returncode == 0, told.stderr
    made: dict[str, str] = json.loads(told.stdout)
    return made


def test_a_key_is_all_that_create_prints_so_that_a_program_can_keep_it(project: Path) -> None:
    arguments = ["--name", "nightly batch", "--scope", "predict", "--scope", "read", "--expires", "90d"]
    told = run("keys", "api", "create", *arguments, cwd=project)
    assert told.returncode == 0, told.stderr
    text = told.stdout.removesuffix("\n")
    assert KEY.fullmatch(text)
    assert text not in told.stderr
    assert "It is not shown again." in told.stderr
    caller = keys_of(project).current().authenticate(text.encode())
    assert caller.name == "nightly batch"
    assert caller.scopes == {"predict", "read"}


def test_the_list_shows_every_key_and_no_secret(project: Path) -> None:
    made = [
        created(project, "--name", "a", "--scope", "predict"),
        created(project, "--name", "b", "--scope", "operate", "--expires", "12h"),
    ]
    assert run("keys", "api", "revoke", made[0]["id"], cwd=project).returncode == 0
    table = run("keys", "api", "list", cwd=project).stdout
    listed = run("keys", "api", "list", "--json", cwd=project).stdout
    for shown in (table, listed):
        assert KEY.search(shown) is None
        for key in made:
            assert key["id"] in shown
            assert key["key"][19:62] not in shown
    first, second = json.loads(listed)
    assert (first["state"], second["state"]) == ("revoked", "active")
    assert set(first) == {"id", "name", "scopes", "created", "expires", "revoked", "state"}
    assert (second["name"], second["scopes"], second["revoked"]) == ("b", ["operate"], None)
    lifetime = datetime.fromisoformat(second["expires"]) - datetime.fromisoformat(second["created"])
    assert lifetime.total_seconds() == 12 * 3600
    assert datetime.fromisoformat(second["created"]).tzinfo == UTC
    hashes = [key.sha256 for key in keys_of(project).current().keys]
    assert not any(digest in table or digest in listed for digest in hashes)


def test_a_revoked_key_is_told_and_counts_no_longer(project: Path) -> None:
    key = created(project, "--name", "a", "--scope", "predict")
    told = run("keys", "api", "revoke", key["id"], cwd=project)
    assert re.fullmatch(rf"Key {key['id']} of a is revoked 20..-..-..T..:..:..Z\.\n", told.stdout)
    again = run("keys", "api", "revoke", key["id"], "--json", cwd=project)
    assert json.loads(again.stdout)["revoked"] in told.stdout


def test_without_keys_the_list_says_how_to_make_one(project: Path) -> None:
    told = run("keys", "api", "list", cwd=project)
    assert (told.returncode, told.stdout) == (0, "")
    assert "vouch keys api create --name NAME --scope predict" in told.stderr
    assert json.loads(run("keys", "api", "list", "--json", cwd=project).stdout) == []
    assert not (project / ".vouch").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "--name", "a", "--scope", "predcit"], "There is no scope 'predcit'. Did you mean 'predict'?"),
        (["create", "--name", "a", "--scope", "read", "--expires", "90"], "'90' is not how long a key can be good."),
        (["create", "--name", "", "--scope", "read"], "The name of a caller is 1 to 100 printable characters."),
        (["create", "--name", "a"], "Missing option '--scope'."),
        (["revoke", "0123456789ab"], "There is no API key '0123456789ab'."),
        (["revok"], "No such command 'revok'. Did you mean 'revoke'?"),
    ],
)
def test_a_mistake_gets_one_clear_line_and_makes_nothing(project: Path, arguments: list[str], words: str) -> None:
    told = run("keys", "api", *arguments, cwd=project)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"error: {words}\n")
    assert len(told.stderr.splitlines()) == 2
    assert not api_keys_path(project / ".vouch").exists()


def test_a_mistyped_id_suggests_the_key_that_was_meant(project: Path) -> None:
    key = created(project, "--name", "a", "--scope", "predict")
    told = run("keys", "api", "revoke", key["id"][1:], cwd=project)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"error: There is no API key '{key['id'][1:]}'. Did you mean {key['id']}?\n")


def test_a_broken_file_is_told_and_left_as_it_is(project: Path) -> None:
    created(project, "--name", "a", "--scope", "predict")
    path = api_keys_path(project / ".vouch")
    path.write_text("{")
    told = run("keys", "api", "list", cwd=project)
    assert (told.returncode, told.stdout) == (8, "")
    assert told.stderr.startswith("error: The file of the API keys is not a list of API keys")
    assert path.read_text() == "{"


def test_the_groups_alone_show_their_help(project: Path) -> None:
    for group in (["keys"], ["keys", "api"]):
        assert run(*group, cwd=project).stdout == run(*group, "--help", cwd=project).stdout
    assert "\n  keys " in run("--help", cwd=project).stdout
