"""`vouch serve` with `[serving] tracing`: what a collector gets of its requests, and what it never gets."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.cli.otlp import Received, receiver
from tests.cli.processes import clean_environment, free_ports
from tests.own_copy import unguarded_copy
from tests.serving.conftest import Project, wait_until
from tests.started import STARTED

from vouchml.data import read_table
from vouchml.serving.following.watcher import Watcher
from vouchml.settings import load_settings

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
WITHOUT_OTEL = (
    "import sys; sys.modules['opentelemetry.instrumentation.asgi'] = None\n"
    "from vouchml.cli.main import main; main(['serve'])"
)


@pytest.fixture(scope="module")
def project(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(unguarded_copy(trained_folder, tmp_path_factory.mktemp("traced") / "a project"))
    made.promote("1")
    Watcher(made.settings).poll()
    return made


@pytest.fixture(scope="module")
def features(trained_folder: Path) -> dict[str, float]:
    settings = load_settings(trained_folder / "vouch.toml")
    table = read_table(settings.data_path, settings.data)
    return dict(zip(table.names, np.asarray(table.values)[0].tolist(), strict=True))


@contextmanager
def served(project: Project, *command: str, **environment: str) -> Iterator[httpx.Client]:
    """`vouch serve` as a process, ended by SIGTERM."""
    (port,) = free_ports(1)
    given = {"VOUCH_SERVING__PORT": str(port), "OTEL_BSP_SCHEDULE_DELAY": "50", **environment}
    process = STARTED.start(
        [sys.executable, "-m", "vouchml.cli.main", "serve", *command],
        cwd=project.settings.root,
        env=clean_environment() | given,
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            wait_until(lambda: is_ready(client), seconds=60)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(timeout=30)
        STARTED.end(process.pid)
    assert ended in (0, -signal.SIGTERM)  # uvicorn passes on the signal that it has answered


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def of_route(received: Received, route: str) -> list[tuple[Any, dict[str, Any]]]:
    return [each for each in received.spans if each[1].get("http.route") == route]


def test_a_request_is_one_span_with_its_id_route_status_and_version_and_nothing_that_was_sent(
    project: Project, features: dict[str, float]
) -> None:
    with (
        receiver() as received,
        served(project, VOUCH_SERVING__TRACING="true", OTEL_EXPORTER_OTLP_ENDPOINT=received.url) as client,
    ):
        headers = {
            "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
            "x-secret": "headersecret",
            "user-agent": "agentsecret",
        }
        body = {"request_id": "request-7", "features": {**features, "mean radius": 17.654321}}
        answer = client.post("/predict?q=querysecret", json=body, headers=headers).json()
        refusal = client.post("/predict", json={"features": {"bodysecret": 1}})
        assert client.post("/predict/batch", json={"rows": [features, features]}).status_code == 200
        client.get("/trace/request-7?full=querysecret")
        assert client.get("/pathsecret").status_code == 404
        client.post("/invocations", json={"inputs": "bodysecret"})
    (good, said), (bad, refused) = of_route(received, "/predict")
    assert (good.name, good.trace_id.hex(), good.kind) == ("POST /predict", TRACE, good.SPAN_KIND_SERVER)
    assert said["vouch.request_id"] == "request-7" == answer["request_id"]
    assert said["vouch.model_version"] == "1" == answer["model_version"]
    assert (said["http.status_code"], refused["http.status_code"]) == (200, 422)
    assert refused["vouch.request_id"] == refusal.headers["x-request-id"]
    assert "vouch.model_version" not in refused
    assert bad.trace_id.hex() != TRACE
    ((_, batch),) = of_route(received, "/predict/batch")
    assert batch["vouch.model_version"] == "1"
    ((traced, _),) = of_route(received, "/trace/{request_id}")
    assert traced.name == "GET /trace/{request_id}"
    assert len(of_route(received, "/invocations")) == 1
    assert {resource["service.name"] for resource in received.resources} == {project.settings.project.name}
    assert not any(span.events for span, _ in received.spans)
    sent = b"".join(received.bodies)
    label = str(answer["prediction_label"]).encode()
    score = repr(answer["probability_positive_class"]).encode()
    for secret in (b"secret", b"17.654321", b"mean radius", label, score):
        assert secret not in sent


def test_spans_that_are_on_their_way_are_sent_when_the_service_ends_and_each_worker_sends_its_own(
    project: Project, features: dict[str, float]
) -> None:
    later = {"OTEL_BSP_SCHEDULE_DELAY": "3600000", "VOUCH_SERVING__TRACING": "true"}
    with receiver() as received:
        with served(
            project, "--workers", "2", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{received.url}/v1/traces", **later
        ) as client:
            for _ in range(5):
                assert client.post("/predict", json={"features": features}).status_code == 200
            assert received.bodies == []
        assert len(of_route(received, "/predict")) == 5


def test_without_tracing_nothing_is_sent(project: Project, features: dict[str, float]) -> None:
    with receiver() as received, served(project, OTEL_EXPORTER_OTLP_ENDPOINT=received.url) as client:
        assert client.post("/predict", json={"features": features}).status_code == 200
    assert received.bodies == []


def test_without_the_extra_the_service_does_not_start_and_says_what_to_install(project: Project) -> None:
    (port,) = free_ports(1)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OTEL],
        cwd=project.settings.root,
        env=clean_environment() | {"VOUCH_SERVING__TRACING": "true", "VOUCH_SERVING__PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 8
    assert "tracing needs opentelemetry.instrumentation.asgi, which is not installed" in done.stderr
    assert "vouchml[otel]" in done.stderr
    assert "Traceback" not in done.stderr
