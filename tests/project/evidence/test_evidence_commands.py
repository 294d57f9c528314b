"""The commands about evidence as a person or a pipeline runs them."""

from __future__ import annotations

import json

import pytest
from tests.cli.processes import run, run_at_terminal
from tests.project.evidence.judged_project import JudgedProject


def test_a_person_sees_what_there_is_and_is_asked_before_anything_is_signed(judged: JudgedProject) -> None:
    command = ("approve", "1", "--as", "development-approver", "--reason", "looked at the slices")
    before = set(judged.evidence(1))
    asked = run_at_terminal(*command, cwd=judged.settings.root, answer="n\n")
    assert asked.returncode == 130
    assert asked.stderr.endswith("Nothing was done.\n")
    assert "PASS, by development-gate" in asked.stdout
    assert "provenance.dsse.json" in asked.stdout
    assert "Sign as development-approver: approved?" in asked.stderr
    assert set(judged.evidence(1)) == before
    signed = run(*command, "--yes", "--json", cwd=judged.settings.root)
    document = json.loads(signed.stdout)
    assert set(judged.evidence(1)) == before | {document["file"]}
    assert (document["meaning"], set(document["evidence"])) == ("approved", before)


@pytest.mark.parametrize(
    "command",
    [
        ("approve", "1", "--as", "development-approver", "--reason", "looked at the slices"),
        ("break-glass", "1", "--as", "development-approver", "--as", "grace", "--reason", "the other one is wrong"),
    ],
)
def test_without_a_terminal_nobody_is_asked_and_the_option_that_answers_is_named(
    judged: JudgedProject, command: tuple[str, ...]
) -> None:
    judged.ring.add("grace", role="approver", email="grace@example.org")
    before = set(judged.evidence(1))
    told = run(*command, cwd=judged.settings.root, text="y\n")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == (
        "error: This command asks before it goes on, and its input is not a terminal. Nothing was done.\n"
        "Answer beforehand: --yes\n"
    )
    assert set(judged.evidence(1)) == before


def test_a_name_without_a_key_is_told_before_anything_is_fetched_or_asked(judged: JudgedProject) -> None:
    told = run("approve", "1", "--as", "development-aprover", "--reason", "fine", cwd=judged.settings.root)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(
        "error: There is no key 'development-aprover'. Did you mean 'development-approver'?\n"
        "May sign as approver here: development-approver. To make one: vouch keys add NAME --role approver"
    )


def test_a_gate_that_is_to_sign_by_a_key_that_there_is_not_does_not_judge_at_all(judged: JudgedProject) -> None:
    told = run("gate", "2", "--quiet", "--as", "nobody", cwd=judged.settings.root)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("error: There is no key 'nobody'.\nMay sign as gate here: development-gate.")


def test_a_move_without_a_reason_is_refused(judged: JudgedProject) -> None:
    for command in (("promote", "1"), ("registry", "promote", "1"), ("registry", "rollback")):
        told = run(*command, "--why", " ", cwd=judged.settings.root)
        assert (told.returncode, told.stdout) == (2, "")
        assert "say in a few words why" in told.stderr
    assert judged.registry.history(judged.name) == ()


def test_gate_promote_and_audit_from_the_command_line(judged: JudgedProject) -> None:
    root = judged.settings.root
    told = run("promote", "2", "--why", "better", cwd=root)
    assert (told.returncode, told.stdout) == (11, "")
    assert told.stderr == (
        "error: Version 2 may not be promoted: No gate has decided on the model.\nRun the gate: vouch gate 2\n"
    )
    gated = run("gate", "2", "--quiet", "--as", "development-gate", cwd=root)
    assert gated.returncode == 0, gated.stdout + gated.stderr
    file = next(name for name in judged.evidence(2) if name.startswith("decision-"))
    assert f"by development-gate: {file}" in gated.stdout
    rehearsed = run("promote", "2", "--why", "better", "--dry-run", cwd=root)
    assert "Nothing was moved." in rehearsed.stdout
    assert json.loads(run("registry", "history", "--json", cwd=root).stdout) == []
    moved = json.loads(run("promote", "2", "--why", "better", "--json", cwd=root).stdout)
    assert moved["to_version"] == judged.pointed == 2
    assert run("audit", "--quiet", cwd=root).returncode == 0
    judged.registry.client.set_registered_model_alias(judged.name, "challenger", "1")
    judged.take_away(1, next(name for name in judged.evidence(1) if name.startswith("decision-")))
    audited = run("audit", "--json", cwd=root)
    assert audited.returncode == 1
    assert [(each["version"], each["supported"], each["code"]) for each in json.loads(audited.stdout)] == [
        (2, True, None),
        (1, False, "decision-missing"),
    ]


def test_revoke_and_break_glass_from_the_command_line(judged: JudgedProject) -> None:
    root = judged.settings.root
    judged.ring.add("grace", role="approver", email="grace@example.org")
    why = ("--reason", "the other one is wrong", "--yes", "--json")
    alone = run("break-glass", "2", "--as", "grace", *why, cwd=root)
    assert alone.returncode == 2
    assert "two different names are needed" in alone.stderr
    both = run("break-glass", "2", "--as", "grace", "--as", "development-approver", "--hours", "4", *why, cwd=root)
    assert json.loads(both.stdout)["by"] == ["grace", "development-approver"]
    revoked = run("revoke", "2", "--reason", "wrong labels", "--who", "Ada", cwd=root)
    assert revoked.returncode == 0, revoked.stderr
    assert "version 2 of breast_cancer_classifier, is revoked" in revoked.stdout
    told = run("promote", "2", "--why", "in need", cwd=root)
    assert told.returncode == 11
    assert "was revoked" in told.stderr


def test_a_version_that_stays_unsigned_in_part_ends_with_1(unsigned: JudgedProject) -> None:
    told = run("sign", "1", "--quiet", cwd=unsigned.settings.root)
    assert told.returncode == 1
    assert "Not signed: model.sig. There is no key on this machine that may sign as trainer." in told.stderr
    unsigned.ring.add_development_keys()
    assert run("sign", "1", "--quiet", cwd=unsigned.settings.root).returncode == 0
