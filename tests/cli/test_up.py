"""`vouch up` from beginning to end: what it prints, and that nothing is left of it however it ends."""

import os
import signal

import httpx
import pytest
from tests.cli.processes import Project, Running, descendants, free_ports, wait_for_the_end_of


@pytest.fixture
def other_ports(made_project: Project) -> Project:
    """The same project on other ports, so that it can run beside itself."""
    port, mlflow_port = free_ports()
    return Project(made_project.folder, port, mlflow_port)


def start(project: Project, *arguments: str) -> Running:
    file = project.folder / f"at-{project.port}.toml"
    text = (project.folder / "vouch.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("port = ", "mlflow_port = "))]
    at = lines.index("[serving]") + 1
    lines[at:at] = [f"port = {project.port}", f"mlflow_port = {project.mlflow_port}"]
    file.write_text("\n".join(lines), encoding="utf-8")
    return project.start("up", "--config", file.name, *arguments)


def test_it_serves_answers_and_stops_cleanly_on_ctrl_c(other_ports: Project) -> None:
    running = start(other_ports)
    running.until("Running.")
    assert httpx.get(f"http://127.0.0.1:{other_ports.port}/health").json()["model_loaded"] is True
    assert httpx.get(f"http://127.0.0.1:{other_ports.mlflow_port}/health").text == "OK"
    foreign = httpx.get(f"http://127.0.0.1:{other_ports.mlflow_port}/", headers={"Host": "evil.example"})
    assert foreign.status_code == 403
    status, output, notes = running.end()
    assert status == 0, notes
    assert "Stopping …" in notes
    assert "The first prediction" in output
    assert f"http://127.0.0.1:{other_ports.mlflow_port}/#/runs/" in output


def test_a_second_start_does_not_train_again(other_ports: Project, running_project: tuple[Project, Running]) -> None:
    running = start(other_ports, "--no-mlflow")
    running.until("Running.")
    with pytest.raises(StopIteration):
        running.child("mlflow")
    status, output, _ = running.end(signal.SIGTERM)
    assert status == 0
    assert "is up to date" in output


@pytest.mark.parametrize(("child", "name"), [("mlflow server", "MLflow"), ("vouchml.cli.main", "API")])
def test_a_child_that_dies_stops_the_rest_and_its_last_lines_are_shown(
    other_ports: Project, child: str, name: str
) -> None:
    running = start(other_ports)
    running.until("Running.")
    below = descendants(running.process.pid)
    os.kill(running.child(child), signal.SIGKILL)
    status, _, notes = running.end(0)
    wait_for_the_end_of(below)
    assert status == 9, notes
    assert f"error: {name} stopped by itself (signal SIGKILL).\nThe last lines of " in notes


def test_ctrl_c_while_it_starts_leaves_nothing(other_ports: Project) -> None:
    running = start(other_ports)
    running.until("Waiting for MLflow's pages")
    status, _, _ = running.end()
    assert status == 130


def test_a_kill_that_it_cannot_see_leaves_nothing(other_ports: Project) -> None:
    running = start(other_ports)
    running.until("Running.")
    status, _, _ = running.end(signal.SIGKILL)
    assert status == -signal.SIGKILL


def test_an_mlflow_server_that_runs_elsewhere_is_used_and_not_started(
    running_project: tuple[Project, Running],
) -> None:
    project, _ = running_project
    file = project.folder / "elsewhere.toml"
    text = (project.folder / "vouch.toml").read_text(encoding="utf-8")
    server = f"http://127.0.0.1:{project.mlflow_port}"
    (port,) = free_ports(1)
    text = text.replace('stage = "Staging"', f'stage = "Staging"\ntracking_uri = "{server}"')
    file.write_text(text.replace(f"port = {project.port}\n", f"port = {port}\n", 1), encoding="utf-8")
    running = project.start("up", "--config", file.name)
    running.until("Running.")
    with pytest.raises(StopIteration):
        running.child("mlflow server")
    status, output, _ = running.end()
    assert status == 0
    assert f"MLflow     {server}" in output


def test_with_api_keys_it_runs_and_the_key_of_the_caller_is_taken(other_ports: Project) -> None:
    made = other_ports.vouch("keys", "api", "create", "--name", "a test", "--scope", "predict")
    assert made.returncode == 0, made.stderr
    keys = other_ports.folder / ".vouch" / "keys" / "api-keys.json"
    try:
        running = start(other_ports)
        running.until("Running.")
        url = f"http://127.0.0.1:{other_ports.port}"
        without = other_ports.vouch("predict", "--url", url)
        with_key = other_ports.vouch("predict", "--url", url, VOUCHML_API_KEY=made.stdout.strip())
        examined = other_ports.vouch("doctor")
        status, _, notes = running.end()
    finally:
        keys.unlink()

    assert "The service wants an API key. For a first prediction: VOUCHML_API_KEY=KEY vouch predict" in notes
    assert without.returncode == 4
    assert "Set VOUCHML_API_KEY to an API key of the service." in without.stderr
    assert with_key.returncode == 0, with_key.stderr
    assert "1 of 1 in force; every call needs one" in examined.stdout
    assert status == 0
