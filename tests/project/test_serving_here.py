import json
import subprocess
import sys
from pathlib import Path

from vouchml.project.serving_here import known_to_serve, serving_here
from vouchml.settings import DataSettings, ProjectSettings, ServingSettings, Settings


def project(root: Path, port: int = 8000) -> Settings:
    return Settings(
        project=ProjectSettings(registered_model="m", experiment="e"),
        data=DataSettings(path="t.csv", target="t", positive_class="1"),
        serving=ServingSettings(port=port, mlflow_port=5001),
        root=root,
    )


def test_whoever_serves_is_known_while_it_does_and_not_afterwards(tmp_path: Path) -> None:
    settings = project(tmp_path)
    assert serving_here(settings) == ()
    with known_to_serve(settings, command="vouch serve", url="https://127.0.0.1:8000"):
        (here,) = serving_here(settings)
        assert (here.command, here.port, here.url, here.mlflow_port) == (
            "vouch serve",
            8000,
            "https://127.0.0.1:8000",
            None,
        )
    assert serving_here(settings) == ()
    assert (tmp_path / ".vouch").stat().st_mode & 0o777 == 0o700


def test_each_port_has_a_process_of_its_own_and_the_first_one_of_a_port_stays_known(tmp_path: Path) -> None:
    one, other = project(tmp_path, 8000), project(tmp_path, 8001)
    with known_to_serve(one, command="vouch up", mlflow=True), known_to_serve(other, command="vouch serve"):
        with known_to_serve(one, command="vouch serve"):  # as the service that `vouch up` starts
            assert [(each.command, each.port) for each in serving_here(one)] == [
                ("vouch up", 8000),
                ("vouch serve", 8001),
            ]
        assert serving_here(one)[0].mlflow_port == 5001


def test_a_process_on_another_machine_that_shares_the_folder_is_not_here(tmp_path: Path) -> None:
    settings = project(tmp_path)
    with known_to_serve(settings, command="vouch serve"):
        (file,) = (tmp_path / ".vouch" / "serving").iterdir()
        said = json.loads(file.read_text())
        file.write_text(json.dumps(said | {"machine": f"not-{said['machine']}"}))
        assert serving_here(settings) == ()
        file.write_text(json.dumps(said))
        assert len(serving_here(settings)) == 1


def test_what_a_killed_process_left_behind_says_nothing(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; from tests.project.test_serving_here import project, known_to_serve; "
        f"context = known_to_serve(project(pathlib.Path({str(tmp_path)!r})), command='vouch serve'); "
        "context.__enter__(); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -9, ended.stderr
    assert list((tmp_path / ".vouch" / "serving").iterdir())
    assert serving_here(project(tmp_path)) == ()


def test_a_file_that_others_wrote_says_nothing_and_a_place_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    settings = project(tmp_path)
    (tmp_path / ".vouch").write_text("not a folder")
    with known_to_serve(settings, command="vouch serve"):
        assert serving_here(settings) == ()
    (tmp_path / ".vouch").unlink()
    (tmp_path / ".vouch" / "serving").mkdir(parents=True)
    (tmp_path / ".vouch" / "serving" / "8000.json").write_text("{}")
    assert serving_here(settings) == ()
