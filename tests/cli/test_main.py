import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.processes import clean_environment, run, write_table


def test_help_names_every_command(tmp_path: Path) -> None:
    told = run("--help", cwd=tmp_path)
    assert told.returncode == 0
    for command in ("up", "init", "train", "registry", "serve", "predict", "doctor"):
        assert f"  {command} " in told.stdout


def test_vouch_alone_shows_its_help(tmp_path: Path) -> None:
    assert run(cwd=tmp_path).stdout == run("--help", cwd=tmp_path).stdout
    assert run("registry", cwd=tmp_path).stdout == run("registry", "--help", cwd=tmp_path).stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from vouchml.cli.main import app; import typer; typer.main.get_command(app); "
        "print([name for name in sys.modules if name in ('rich', 'numpy', 'pydantic', 'httpx', 'mlflow', 'pandas')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_help_is_there_at_once(tmp_path: Path) -> None:
    fastest = min(_seconds(tmp_path) for _ in range(5))
    assert fastest < 0.3 * float(os.environ.get("SLOWNESS", "1"))


def _seconds(folder: Path) -> float:
    """What it takes of a processor: it waits for nothing, but here perhaps for its turn among other programs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run("--help", cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_version_is_told(tmp_path: Path) -> None:
    from vouchml import __version__

    assert run("--version", cwd=tmp_path).stdout == f"vouch {__version__}\n"


def test_a_mistyped_command_suggests_the_nearest(tmp_path: Path) -> None:
    told = run("srve", cwd=tmp_path)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "error: No such command 'srve'. Did you mean 'serve'?\nHow it is used: vouch --help\n"


def test_a_mistyped_option_suggests_the_nearest(tmp_path: Path) -> None:
    told = run("train", "--no-registr", cwd=tmp_path)
    assert told.returncode == 2
    assert told.stderr.startswith("error: No such option: --no-registr (Possible options: --no-register")
    assert "vouch train --help" in told.stderr


@pytest.mark.parametrize(
    "arguments",
    [["train"], ["up"], ["serve"], ["predict"], ["registry", "list"], ["registry", "promote", "1", "--why", "x"]],
)
def test_a_command_outside_a_project_says_how_to_make_one(tmp_path: Path, arguments: list[str]) -> None:
    told = run(*arguments, cwd=tmp_path)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"error: There is no vouch.toml in {tmp_path}.\n")
    assert "vouch init" in told.stderr
    assert list(tmp_path.iterdir()) == []


def project(folder: Path, table: str = "t.csv", extra: str = "") -> None:
    (folder / "vouch.toml").write_text(
        '[project]\nregistered_model = "m"\nexperiment = "e"\n'
        f'[data]\npath = "{table}"\ntarget = "t"\npositive_class = "1"\n{extra}'
    )


ROWS = "".join(f"{i * 37 % 101},{i % 2}\n" for i in range(40))


@pytest.mark.parametrize(
    ("table", "status", "words"),
    [
        (None, 3, "t.csv does not exist"),
        ("", 3, "t.csv is empty"),
        ("a,b\n1,2\n", 3, "no target column 't'"),
        (f"a,t\n{ROWS.replace(',0', ',1')}", 3, "one value only"),
        (f"a,t\n{ROWS}x,1\n", 3, "column 'a' is not numeric"),
        (f"a,t\n{ROWS},1\n", 3, "column 'a' has 1 missing value"),
        ("a,t\n1,0\n1,1\n1,0\n1,1\n", 3, "same value in every row"),
        (f"a,a,t\n{ROWS.replace(',', ',1,')}", 3, "2 columns are named 'a'"),
        (f"a,t\n{ROWS}{ROWS}", 3, "test rows are also among the training rows"),
    ],
)
def test_a_table_that_cannot_be_trained_on_gets_one_clear_line(
    tmp_path: Path, table: str | None, status: int, words: str
) -> None:
    project(tmp_path)
    if table is not None:
        (tmp_path / "t.csv").write_text(table)
    told = run("train", "--quiet", cwd=tmp_path)
    assert (told.returncode, told.stdout) == (status, ""), told.stderr
    first, *remedy = told.stderr.splitlines()
    assert first.startswith("error: ")
    assert words in first
    assert remedy
    assert {path.name for path in tmp_path.iterdir()} <= {"vouch.toml", "t.csv"}


def test_parameters_that_the_estimator_does_not_have_get_one_clear_line(tmp_path: Path) -> None:
    project(tmp_path, extra="[model]\nparameters = { Q = 1 }\n")
    (tmp_path / "t.csv").write_text(f"a,t\n{ROWS}")
    told = run("train", "--quiet", cwd=tmp_path)
    assert (told.returncode, told.stdout) == (6, "")
    assert told.stderr.startswith("error: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "vouch.toml"]


def test_an_unreachable_mlflow_gets_one_clear_line(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "t.csv").write_text(f"a,t\n{ROWS}")
    for command in (["train", "--quiet"], ["registry", "list"]):
        told = run(*command, cwd=tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
        assert (told.returncode, told.stdout) == (5, "")
        assert told.stderr.startswith("error: No MLflow server answers at http://127.0.0.1:1.\n")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_text(path: Path) -> None:
    path.write_text("this is not a database, whatever its name says, and it is long enough to show it")


def a_database_of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE accounts (name TEXT)")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_folder, "is a folder, not a database"),
        (a_text, "file is not a database"),
        (a_database_of_another_program, "is a database of another program"),
    ],
)
def test_a_store_that_cannot_be_used_gets_one_clear_line_and_no_word_of_mlflow(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    project(tmp_path)
    (tmp_path / "t.csv").write_text(f"a,t\n{ROWS}")
    make(tmp_path / "mlflow.db")
    for command in (["train", "--quiet"], ["registry", "list"], ["registry", "promote", "1", "--why", "x"]):
        told = run(*command, cwd=tmp_path)
        assert (told.returncode, told.stdout) == (5, "")
        first, remedy = told.stderr.splitlines()
        assert first.startswith("error: mlflow.db ")
        assert words in first
        assert str(tmp_path / "mlflow.db") in remedy
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "t.csv", "vouch.toml"]


def test_what_is_no_run_gets_one_clear_line(tmp_path: Path) -> None:
    project(tmp_path)
    told = run("registry", "register", "../elsewhere", cwd=tmp_path)
    assert (told.returncode, told.stdout) == (5, "")
    assert told.stderr.startswith("error: '../elsewhere' is not the id of a run.\n")


def test_a_registry_that_is_not_there_yet_gets_one_clear_line(tmp_path: Path) -> None:
    project(tmp_path)
    for command in (["list"], ["show"], ["history"], ["rollback", "--why", "x"], ["register", "abc"]):
        told = run("registry", *command, cwd=tmp_path)
        assert (told.returncode, told.stdout) == (5, "")
        assert told.stderr == "error: There is no mlflow.db yet.\nTrain a first version: vouch train\n"
    assert not (tmp_path / "mlflow.db").exists()


def test_the_settings_may_be_named_before_and_after_the_command(tmp_path: Path) -> None:
    for arguments in (["--config", "a.toml", "train"], ["train", "--config", "a.toml"]):
        assert "There is no a.toml" in run(*arguments, cwd=tmp_path).stderr
    assert "There is no b.toml" in run("train", cwd=tmp_path, VOUCH_CONFIG="b.toml").stderr


def test_a_setting_of_the_environment_that_is_none_is_refused(tmp_path: Path) -> None:
    project(tmp_path)
    told = run("serve", cwd=tmp_path, VOUCH_SERVING__PROT="1")
    assert told.returncode == 2
    assert "VOUCH_SERVING__PROT is not a setting" in told.stderr


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None; from vouchml.cli.main import main; "
        "main(['serve', '--port', '1025'])"
    )
    project(tmp_path)
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 8
    assert told.stderr.startswith("error: This command needs uvicorn, which is not installed.\npip install")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "vouchml.cli.main", "--help"]
    told = subprocess.run(
        command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, env=clean_environment(), check=False
    )
    os.close(writer)
    assert told.stderr == b""
    assert told.returncode in (1, 141)


def test_init_says_what_it_left_out_and_what_comes_next(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")
    told = run("init", str(table), "--target", 'is it "so"?', cwd=tmp_path)
    assert told.returncode == 0
    assert "'note' has the same value in every row" in told.stdout
    assert "yes (a guess by its name)" in told.stdout
    ignored, following = told.stderr.splitlines()
    assert ignored.startswith("Wrote .gitignore: ")
    assert following == "Next: vouch up"
    again = run("init", str(table), "--target", 'is it "so"?', cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith("error: vouch.toml exists already.\n")
    assert run("init", str(table), "--target", 'is it "so"?', "--force", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["none.csv", "--target", "t"], 3, "none.csv does not exist"),
        (["t.csv", "--target", "nope"], 2, "no column 'nope'"),
        (["t.csv", "--target", "größe"], 3, "classes"),
        (["t.csv"], 2, "Missing option '--target'"),
    ],
)
def test_init_refuses_with_one_clear_line(tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    write_table(tmp_path / "t.csv")
    told = run("init", *arguments, cwd=tmp_path)
    assert (told.returncode, told.stdout) == (status, "")
    assert told.stderr.startswith("error: ")
    assert words in told.stderr.splitlines()[0]
    assert not (tmp_path / "vouch.toml").exists()
