"""The OpenAPI document is true: schemathesis believes it, and finds nothing that the service does otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.mixed_tables import make_project

from vouchml.serving.app import create_app
from vouchml.settings import ServingSettings, Settings, load_settings
from vouchml.training import train
from vouchml.trust.api_keys_file import api_keys_path, create_api_key

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Following, Project, Serve

OPEN = {"/health", "/health/live", "/health/ready", "/ping", "/version", "/webhooks/mlflow"} | {
    "/v2/health/live",
    "/v2/health/ready",
}
PREDICT = {"/predict", "/predict/batch", "/invocations"} | {
    "/v2/models/{model}/infer",
    "/v2/models/{model}/versions/{version}/infer",
}
_OPTIONS = ("--max-examples", "25", "--seed", "20", "--continue-on-failure", "--no-color")
OURS, MLFLOWS, OPEN_INFERENCE = "ErrorReply", "MlflowError", "InferenceError"


@pytest.fixture
def key(served_project: Project) -> str:
    """An API key that may do everything; with it there, every call needs one."""
    path = api_keys_path(served_project.settings.private_folder)
    return create_api_key(path, name="a test", scopes=("predict", "read", "operate"))[1]


@pytest.fixture
def loaded(served_project: Project, serve: Serve, follow: Callable[[Settings], Following]) -> Iterator[httpx.Client]:
    """A service of version 1."""
    with serving(served_project, serve, follow) as client:
        yield client


def serving(project: Project, serve: Serve, follow: Callable[[Settings], Following], **settings: Any) -> Any:
    changed = project.settings.model_copy(update={"serving": ServingSettings(poll_seconds=60.0, **settings)})
    project.promote("1")
    follow(changed).poll()
    return serve(create_app(changed))


def schemathesis(client: httpx.Client, folder: Path, *options: str) -> None:
    """Run it as its users do, with all of its checks and none of its settings from outside."""
    address = f"{client.base_url}/openapi.json".replace("//openapi", "/openapi")
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", address, "--checks", "all", *_OPTIONS, *options],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Selected: 22/22" in done.stdout
    assert "Failures" not in done.stdout


def test_schemathesis_finds_nothing_in_a_service_that_is_open(loaded: httpx.Client, tmp_path: Path) -> None:
    schemathesis(loaded, tmp_path)


def test_schemathesis_finds_nothing_in_a_service_with_keys_that_refuses_what_is_out_of_range(
    served_project: Project, serve: Serve, follow: Callable[[Settings], Following], key: str, tmp_path: Path
) -> None:
    with serving(served_project, serve, follow, out_of_range="refuse") as client:
        schemathesis(client, tmp_path, "--header", f"Authorization: Bearer {key}")


def test_schemathesis_finds_nothing_in_a_service_of_categories_and_nulls(
    served_project: Project, serve: Serve, follow: Callable[[Settings], Following], tmp_path: Path
) -> None:
    settings = load_settings(make_project(tmp_path))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
        environment.setenv("MLFLOW_REGISTRY_URI", settings.tracking_uri)
        train(settings)
    with serving(replace(served_project, settings=settings), serve, follow) as client:
        schemathesis(client, tmp_path)


def operations(document: Mapping[str, Any]) -> dict[str, Any]:
    """The one operation at each path; none has two."""
    for methods in document["paths"].values():
        assert len(methods) == 1
    return {path: next(iter(methods.values())) for path, methods in document["paths"].items()}


def test_the_examples_can_be_sent_as_they_are(loaded: httpx.Client) -> None:
    sent = []
    for path, operation in operations(loaded.get("/openapi.json").json()).items():
        body = operation.get("requestBody", {"content": {}})
        for kind, content in body["content"].items():
            if "example" in content:
                address = path.format(model="breast_cancer_classifier", version="1")
                example = content["example"]
                given = {"content": example} if isinstance(example, str) else {"json": example}
                reply = loaded.post(address, headers={"Content-Type": kind}, **given)
                assert reply.status_code == 200, reply.text
                sent.append((path, kind))

    assert {path for path, _ in sent} == PREDICT
    assert ("/invocations", "text/csv") in sent


def test_each_path_says_which_key_it_needs_and_that_none_is_needed_yet(
    loaded: httpx.Client, served_project: Project, eventually: Eventually
) -> None:
    before = {path: each["security"] for path, each in operations(loaded.get("/openapi.json").json()).items()}
    create_api_key(api_keys_path(served_project.settings.private_folder), name="a test", scopes=("read",))
    eventually(lambda: loaded.get("/model-info").status_code == 401)
    document = loaded.get("/openapi.json").json()

    schemes = document["components"]["securitySchemes"]
    assert {name: scheme["type"] for name, scheme in schemes.items()} == {"bearer": "http", "key": "apiKey"}
    assert schemes["bearer"]["scheme"] == "bearer"
    assert (schemes["key"]["in"], schemes["key"]["name"]) == ("header", "X-API-Key")
    for path, operation in operations(document).items():
        scope = "predict" if path in PREDICT else "read"
        needed = [] if path in OPEN else [{"bearer": [scope]}, {"key": [scope]}]
        assert operation["security"] == needed
        assert before[path] == (needed and [*needed, {}])
        assert ("401" in operation["responses"]) == (path not in OPEN or path == "/webhooks/mlflow")


def test_each_error_is_described_in_the_words_of_its_protocol(loaded: httpx.Client) -> None:
    described = {}
    for path, operation in operations(loaded.get("/openapi.json").json()).items():
        words = MLFLOWS if path == "/invocations" else OPEN_INFERENCE if path.startswith("/v2") else OURS
        for status, response in operation["responses"].items():
            if status != "200" and "content" in response:
                described[path, status] = (words, str(response["content"]))

    assert [
        where for where, (words, content) in described.items() if f"'#/components/schemas/{words}'" not in content
    ] == []
    assert {status for path, status in described if path == "/predict"} == {
        *("400", "401", "403", "408", "409", "413", "415", "422", "500", "503"),
    }
    assert {status for path, status in described if path in ("/invocations", "/v2/models/{model}/infer")} == {
        *("400", "401", "403", "404", "408", "413", "415", "500", "503"),
    }


def test_without_a_model_the_document_names_no_feature(served_project: Project, serve: Serve) -> None:
    with serve(create_app(served_project.settings)) as client:
        text = client.get("/openapi.json").text

    assert "mean radius" not in text
    assert "feature name" in text
    assert "HTTPValidationError" not in text
