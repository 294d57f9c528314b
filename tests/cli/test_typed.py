import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from shlex import quote

import pytest
import typer
from tests.cli.processes import clean_environment

from vouchml.cli.main import app
from vouchml.cli.typed import VERBS, as_typed

SCRIPTS = Path(sysconfig.get_path("scripts"))
#: As a shell takes it, wherever the environment is.
VOUCH = quote(str(SCRIPTS / "vouch"))


def test_every_verb_is_known() -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    assert sorted(command.commands) == list(VERBS)


def test_in_an_activated_environment_a_command_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(SCRIPTS))
    assert as_typed("Next: vouch up") == "Next: vouch up"


def test_elsewhere_each_command_gets_the_way_to_it_and_other_words_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(SCRIPTS.parent.parent)
    vouch = SCRIPTS.relative_to(SCRIPTS.parent.parent) / "vouch"
    assert as_typed("vouch gate 1; vouch promote 1 --why TEXT") == f"{vouch} gate 1; {vouch} promote 1 --why TEXT"
    assert as_typed("What vouch wrote into .vouch is in vouch.toml") == "What vouch wrote into .vouch is in vouch.toml"


def test_another_installation_of_that_name_is_not_taken_for_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "vouch"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert as_typed("vouch doctor") == f"{VOUCH} doctor"


def test_settings_that_were_named_are_named_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(SCRIPTS))
    assert as_typed("vouch trace 1", config=Path("a b.toml")) == "vouch trace 1 --config 'a b.toml'"


def test_the_advice_of_an_error_can_be_typed_where_it_is_read(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vouchml.cli.main", "train"]
    environment = clean_environment() | {"PATH": os.defpath}
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert told.returncode == 2
    assert f"{VOUCH} init" in told.stderr
