import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.databases import copy_database

from vouchml.project.doctor import Finding, Outcome, examine
from vouchml.project.doctor.machine import _fits, _of_extra
from vouchml.project.up import without_credentials

TABLE = "\n".join(["a,t", *(f"{i},{i % 2}" for i in range(30))])


def make_project(folder: Path, *, table: str = TABLE) -> Path:
    (folder / "t.csv").write_text(table)
    ports = []
    for _ in range(2):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
    file = folder / "vouch.toml"
    file.write_text(
        '[project]\nregistered_model = "m"\nexperiment = "e"\n'
        '[data]\npath = "t.csv"\ntarget = "t"\npositive_class = "1"\n'
        f"[serving]\nport = {ports[0]}\nmlflow_port = {ports[1]}\n"
    )
    return file


def by_check(file: Path) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(file)}


def test_a_new_project_has_no_problem_and_is_told_what_comes_next(tmp_path: Path) -> None:
    findings = by_check(make_project(tmp_path))
    assert not [finding for finding in findings.values() if finding.outcome is Outcome.PROBLEM]
    assert findings["Version in Staging"].fix == "vouch up"
    assert not (tmp_path / "mlflow.db").exists()


def test_every_finding_that_is_not_ok_names_a_fix(tmp_path: Path) -> None:
    file = make_project(tmp_path, table="a,t\nx,1\n")
    assert all(finding.fix for finding in examine(file) if finding.outcome is not Outcome.OK)


def test_a_project_without_settings_is_a_problem(tmp_path: Path) -> None:
    assert by_check(tmp_path / "vouch.toml")["Settings"].outcome is Outcome.PROBLEM


def test_a_table_that_cannot_be_trained_on_is_a_problem(tmp_path: Path) -> None:
    finding = by_check(make_project(tmp_path, table="a,t\nx,1\ny,0\n"))["Table"]
    assert finding.outcome is Outcome.PROBLEM
    assert "'a' is not numeric" in finding.found


def test_a_table_is_told_with_what_is_declared_of_it(tmp_path: Path) -> None:
    file = make_project(tmp_path, table="\n".join(["a,b,t", *(f"{'xy'[i % 2]},{i or ''},{i % 2}" for i in range(30))]))
    declared = 'path = "t.csv"\ncategorical = ["a"]\nnullable = ["b"]'
    file.write_text(file.read_text().replace('path = "t.csv"', declared))
    finding = by_check(file)["Table"]
    assert finding.outcome is Outcome.OK
    assert "30 rows, 2 features (1 categorical, 1 nullable)" in finding.found


def test_an_unreachable_mlflow_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:1")
    findings = by_check(make_project(tmp_path))
    assert findings["MLflow store"].outcome is Outcome.PROBLEM
    assert "Port of MLflow's pages" not in findings
    assert "secret" not in "".join(finding.found + finding.fix for finding in findings.values())


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:////srv/my%20project/mlflow.db", "sqlite:////srv/my%20project/mlflow.db"),
        ("http://ada:secret@mlflow.example:5001/team", "http://mlflow.example:5001/team"),
        ("postgresql://ada:p@ss@db.example/mlflow", "postgresql://db.example/mlflow"),
    ],
)
def test_a_store_is_shown_by_its_address_without_credentials(uri: str, shown: str) -> None:
    assert without_credentials(uri) == shown


def test_a_database_that_is_empty_is_filled_by_the_first_training(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    findings = by_check(make_project(tmp_path))
    assert findings["MLflow store"].outcome is Outcome.OK
    assert findings["Version in Staging"].fix == "vouch up"


def test_a_store_in_folders_that_are_not_there_yet_is_no_problem(tmp_path: Path) -> None:
    file = make_project(tmp_path)
    file.write_text(file.read_text().replace("[data]", 'tracking_uri = "sqlite:///deep/down/mlflow.db"\n[data]'))
    assert not [finding for finding in examine(file) if finding.outcome is Outcome.PROBLEM]
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize("content", [b"this is not a database, though it is long enough to be one" * 2, None])
def test_a_store_that_cannot_be_used_is_a_problem_told_once(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mlflow.db"
    path.mkdir() if content is None else path.write_bytes(content)
    findings = by_check(make_project(tmp_path))
    assert findings["MLflow store"].outcome is Outcome.PROBLEM
    assert str(path) in findings["MLflow store"].fix
    assert "Version in Staging" not in findings


def test_a_database_that_is_damaged_where_mlflow_does_not_look_first_is_a_problem(
    tmp_path: Path, new_database: Path
) -> None:
    file, path = make_project(tmp_path), tmp_path / "mlflow.db"
    copy_database(new_database, path)
    assert by_check(file)["MLflow store"].outcome is Outcome.OK
    with closing(sqlite3.connect(path)) as database:
        page = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'model_versions'").fetchone()[0]
    whole = bytearray(path.read_bytes())
    whole[4096 * (page - 1) : 4096 * (page - 1) + 8] = b"\xff" * 8
    path.write_bytes(bytes(whole))
    finding = by_check(file)["MLflow store"]
    assert finding.outcome is Outcome.PROBLEM
    assert f"{path} is damaged: " in finding.found


def test_a_file_where_the_runs_go_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("in the way")
    finding = by_check(make_project(tmp_path))["Room for runs"]
    assert finding.outcome is Outcome.PROBLEM
    assert "mlruns" in finding.found


def test_a_port_of_another_program_is_a_problem(tmp_path: Path) -> None:
    file = make_project(tmp_path)
    port = int(file.read_text().rpartition("\nport = ")[2].split()[0])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen(1)
        finding = by_check(file)["Port of the API"]
    assert finding.outcome is Outcome.PROBLEM
    assert "VOUCH_SERVING__PORT" in finding.fix


def test_a_private_folder_that_others_may_enter_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / ".vouch").mkdir(mode=0o755)
    (tmp_path / ".vouch").chmod(0o755)
    finding = by_check(make_project(tmp_path))["Private folder"]
    assert finding.outcome is Outcome.WARNING
    assert "chmod 700" in finding.fix


def test_a_clock_that_is_behind_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / ".vouch").mkdir(mode=0o700)
    later = (tmp_path / ".vouch").stat().st_mtime + 3600
    os.utime(tmp_path / ".vouch", (later, later))
    assert by_check(make_project(tmp_path))["Clock"].outcome is Outcome.WARNING


@pytest.mark.parametrize(
    ("version", "accepted", "fits"),
    [
        ("1.2.0", ">=1.2", True),
        ("1.10", ">=1.9,<1.11", True),
        ("1.11.1", "<1.11", False),
        ("2.0rc1", "<2", False),
        ("3.17.2", "<3.18,>=3.17", True),
        ("3", "", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, accepted: str, fits: bool) -> None:
    assert _fits(version, accepted) is fits


def test_requirements_of_other_extras_and_systems_are_left_out() -> None:
    assert _of_extra("uvloop>=0.23; (platform_system != 'Windows') and extra == 'serve'", "train") == []
    assert _of_extra("onnx>=1.23 ; extra == 'train'", "train") == [("onnx", ">=1.23")]
    assert _of_extra("rich>=15", "train") == [("rich", ">=15")]
