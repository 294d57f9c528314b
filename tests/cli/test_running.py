"""What commands do beside a running `vouch up`."""

import json
from pathlib import Path

import httpx
import pytest
from tests.cli.processes import Project, Running, write_table

Pair = tuple[Project, Running]


def document(project: Project, *arguments: str) -> object:
    told = project.vouch(*arguments, "--json")
    assert told.returncode == 0, told.stderr
    assert told.stderr == ""
    return json.loads(told.stdout)


def test_predict_shows_the_answer_and_its_trace(running_project: Pair) -> None:
    told = running_project[0].vouch("predict")
    assert told.returncode == 0, told.stderr
    for words in (
        "row 1 of table #1.csv (line 2)",
        "yes  (the table says: yes)",
        "P(yes)",
        "threshold 0.5",
        "Run page",
    ):
        assert words in told.stdout
    assert "1 of table_1_classifier, in Staging" in told.stdout


def test_predict_prints_the_services_answer_for_programs(running_project: Pair) -> None:
    answer = document(running_project[0], "predict", "--row", "2")
    assert isinstance(answer, dict)
    assert {"prediction_label", "probability_positive_class", "request_id", "source_run_id"} <= answer.keys()


def test_predict_takes_a_row_from_standard_input_and_from_a_file(running_project: Pair) -> None:
    project, _ = running_project
    row = {"size, in cm": 3.7, "größe": 21}
    bare = project.vouch("predict", "-", "--json", text=json.dumps(row))
    (project.folder / "row.json").write_text(json.dumps({"features": row, "request_id": "mine"}))
    whole = project.vouch("predict", "row.json", "--json")
    assert (bare.returncode, whole.returncode) == (0, 0)
    answers = [json.loads(told.stdout) for told in (bare, whole)]
    assert answers[0]["probability_positive_class"] == answers[1]["probability_positive_class"]
    assert answers[1]["request_id"] == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"size, in cm": 3.7}', "missing: größe"),
        ('{"size, in cm": 3.7, "größe": 1, "x": 1}', "extra: x"),
        ('{"size, in cm": true, "größe": 1}', "invalid: size, in cm: must be a number"),
        ('{"size, in cm": 1, "größe": 1, "größe": 1}', "twice"),
        ("{", "is not JSON: line 1"),
    ],
)
def test_predict_says_what_is_wrong_with_a_row(running_project: Pair, text: str, words: str) -> None:
    told = running_project[0].vouch("predict", "-", text=text)
    assert (told.returncode, told.stdout) == (4, "")
    assert told.stderr.startswith("error: ")
    assert words in told.stderr


def test_predict_to_nobody_names_the_address_and_the_command(running_project: Pair) -> None:
    told = running_project[0].vouch("predict", "--url", "http://127.0.0.1:1")
    assert told.returncode == 7
    assert told.stderr.startswith("error: No service answers at http://127.0.0.1:1.\n")
    assert "vouch serve" in told.stderr


def test_predict_takes_one_row_only(running_project: Pair) -> None:
    assert running_project[0].vouch("predict", "x.json", "--row", "1").returncode == 2
    told = running_project[0].vouch("predict", "--row", "61")
    assert told.returncode == 3
    assert "has 60 rows" in told.stderr


def test_doctor_knows_its_own_ports(running_project: Pair) -> None:
    report = document(running_project[0], "doctor")
    assert isinstance(report, dict)
    assert report["problems"] == 0, report
    found = {finding["check"]: finding["found"] for finding in report["findings"]}
    assert "a vouchml service answers there, for table_1_classifier" in found["Port of the API"]
    assert "MLflow 3" in found["Port of MLflow's pages"]
    assert "Outcome" in running_project[0].vouch("doctor").stdout


def test_a_second_service_on_the_same_port_is_refused(running_project: Pair) -> None:
    project, running = running_project
    for command in ("up", "serve"):
        told = project.vouch(command)
        assert told.returncode == 8
        assert told.stderr.startswith(
            "error: This project is being served already "
            f"(vouch up, process {running.process.pid}, http://127.0.0.1:{project.port}).\n"
        )
        assert "VOUCH_SERVING__PORT" in told.stderr


def predict_requests(project: Project) -> list[str]:
    lines = httpx.get(f"http://127.0.0.1:{project.port}/metrics").text.splitlines()
    found = [line for line in lines if line.startswith('vouch_requests_total{door="predict"')]
    assert found
    return found


def test_the_service_of_another_project_is_named_and_sent_nothing(running_project: Pair, tmp_path: Path) -> None:
    project, _ = running_project
    before = predict_requests(project)
    text = (project.folder / "vouch.toml").read_text(encoding="utf-8")
    text = text.replace('registered_model = "table_1_classifier"', 'registered_model = "elsewhere"')
    (tmp_path / "vouch.toml").write_text(text, encoding="utf-8")
    other = Project(tmp_path, project.port, project.mlflow_port)
    write_table(tmp_path / "table #1.csv")
    for command in ("up", "serve"):
        told = other.vouch(command)
        assert told.returncode == 8
        assert told.stderr.startswith(
            f"error: Port {project.port} on 127.0.0.1 is in use by another program: "
            "the vouchml service of table_1_classifier.\n"
        )
    told = other.vouch("predict")
    assert (told.returncode, told.stdout) == (7, "")
    assert told.stderr.startswith(
        f"error: The service at http://127.0.0.1:{project.port} serves table_1_classifier, "
        "and this project's model is elsewhere; no row was sent.\n"
    )
    assert "[serving] port" in told.stderr
    assert predict_requests(project) == before
    report = json.loads(other.vouch("doctor", "--json").stdout)
    found = {finding["check"]: finding for finding in report["findings"]}
    assert found["Port of the API"]["outcome"] == "problem"
    assert "the vouchml service of table_1_classifier" in found["Port of the API"]["found"]


def test_the_registry_is_listed_shown_and_moved(running_project: Pair) -> None:
    project, _ = running_project
    trained = document(project, "train", "--quiet", "--no-register")
    assert isinstance(trained, dict)
    assert trained["version"] is None
    registered = document(project, "registry", "register", trained["run_id"])
    assert isinstance(registered, dict)
    assert registered["data_sha256"] == trained["data_sha256"]
    number = str(registered["version"])

    refused = project.vouch("registry", "promote", number, "--why", "better")
    assert (refused.returncode, refused.stdout) == (11, "")
    assert refused.stderr.endswith(f"The model is not signed.\nSign it: vouch sign {number}\n")
    assert document(project, "sign", number, "--quiet")
    assert document(project, "gate", number, "--quiet")
    assert document(project, "registry", "promote", number, "--why", "better", "--who", "Ada Lovelace")
    shown = document(project, "registry", "show", "@staging")
    assert shown == document(project, "registry", "show") == document(project, "registry", "show", number)
    assert isinstance(shown, dict)
    assert (shown["stage"], shown["aliases"], shown["run_id"]) == ("Staging", ["staging"], trained["run_id"])
    listed = document(project, "registry", "list")
    assert isinstance(listed, list)
    assert listed[0] == shown

    assert document(project, "registry", "rollback", "--why", "worse after all", "--who", "Ada Lovelace")
    history = document(project, "registry", "history")
    assert isinstance(history, list)
    assert [(move["action"], move["who"]) for move in history[-2:]] == [
        ("promote", "Ada Lovelace"),
        ("rollback", "Ada Lovelace"),
    ]
    for words, command in (("Staging", "list"), ("Data SHA-256", "show"), ("worse after all", "history")):
        told = project.vouch("registry", command)
        assert told.returncode == 0
        assert words in told.stdout


@pytest.mark.parametrize("reference", ["99", "@nobody", "Production", "models:/other/1", "?"])
def test_a_version_that_does_not_exist_gets_one_clear_line(running_project: Pair, reference: str) -> None:
    told = running_project[0].vouch("registry", "promote", reference, "--why", "x")
    assert (told.returncode, told.stdout) == (5, "")
    assert told.stderr.startswith("error: ")
    assert running_project[1].process.poll() is None


def test_a_run_that_does_not_exist_gets_one_clear_line(running_project: Pair) -> None:
    told = running_project[0].vouch("registry", "register", "0" * 32)
    assert (told.returncode, told.stdout) == (5, "")
    assert told.stderr.startswith("error: MLflow does not have a run 000")
