"""What a real MLflow server delivers when the registry changes, as it arrives at a real listener."""

import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from tests.started import STARTED

from vouchml.errors import WebhookRefused
from vouchml.trust import SeenDeliveries, WebhookEvent, verify_webhook

SECRET = "a secret of at least thirty characters"
EVENTS = ["registered_model.created", "model_version.created", "model_version_alias.created"]
# What a person must set to let MLflow send to a service on this machine, in the clear.
LET_IT_SEND = {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true"}

Delivery = tuple[list[tuple[bytes, bytes]], bytes]


class Listener(HTTPServer):
    """Keeps what is posted to it, and answers with the next of `answers`, else 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.deliveries: queue.Queue[Delivery] = queue.Queue()
        self.answers: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/webhook"


class Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        self.server.deliveries.put((headers, body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    server = Listener()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of an MLflow server that may send here, and of its store."""
    folder = tmp_path_factory.mktemp("mlflow")
    store = f"sqlite:///{folder / 'mlflow.db'}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    with (folder / "mlflow.log").open("w") as log:
        process = STARTED.start(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            cwd=folder,
            env=os.environ | {"MLFLOW_BACKEND_STORE_URI": store, "MLFLOW_DISABLE_TELEMETRY": "true"} | LET_IT_SEND,
            stdout=log,
            stderr=log,
        )
    try:
        while not _is_healthy(port):
            assert process.poll() is None, (folder / "mlflow.log").read_text()
            assert time.monotonic() - began < 120
            time.sleep(0.1)
        print(f"MLflow's server was up after {time.monotonic() - began:.1f} s")
        yield f"http://127.0.0.1:{port}", store
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
        STARTED.end(process.pid)


def _is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def client(server: tuple[str, str], listener: Listener) -> MlflowClient:
    client = MlflowClient(server[0])
    client.create_webhook("service", listener.url, EVENTS, secret=SECRET)
    return client


def verified(delivery: Delivery, *, secret: str = SECRET, seen: SeenDeliveries | None = None) -> WebhookEvent:
    headers, body = delivery
    return verify_webhook(headers, body, secret=secret, now=datetime.now(UTC), seen=seen or SeenDeliveries())


def test_a_model_a_version_and_an_alias_are_told_in_deliveries_that_verify(
    client: MlflowClient, listener: Listener
) -> None:
    client.create_registered_model("wards")
    created = verified(listener.deliveries.get(timeout=20))
    assert (created.entity, created.action, created.name) == ("registered_model", "created", "wards")
    run = client.create_run("0").info
    client.create_model_version("wards", f"{run.artifact_uri}/model", run_id=run.run_id)
    version = verified(listener.deliveries.get(timeout=20))
    assert (version.entity, version.name, version.version) == ("model_version", "wards", "1")
    client.set_registered_model_alias("wards", "staging", "1")
    alias = verified(listener.deliveries.get(timeout=20))
    assert (alias.entity, alias.alias, alias.version) == ("model_version_alias", "staging", "1")
    assert all(event.concerns("wards") for event in (created, version, alias))
    assert len({event.delivery_id for event in (created, version, alias)}) == 3


def test_a_retry_repeats_the_delivery_and_is_refused_as_a_replay(client: MlflowClient, listener: Listener) -> None:
    listener.answers = [503]
    client.create_registered_model("retried")
    seen = SeenDeliveries()
    first, again = listener.deliveries.get(timeout=20), listener.deliveries.get(timeout=20)
    assert verified(first, seen=seen).name == "retried"
    with pytest.raises(WebhookRefused, match="taken before"):
        verified(again, seen=seen)


def test_a_delivery_for_another_secret_and_one_without_are_refused(client: MlflowClient, listener: Listener) -> None:
    hooks = [
        client.create_webhook("another-secret", listener.url, ["prompt.created"], secret="another"),
        client.create_webhook("no-secret", listener.url, ["prompt.created"]),
    ]
    for hook, reason in zip(hooks, ("does not fit", "each once"), strict=True):
        assert client.test_webhook(hook.webhook_id).success
        with pytest.raises(WebhookRefused, match=reason):
            verified(listener.deliveries.get(timeout=20))
        client.delete_webhook(hook.webhook_id)


@pytest.mark.parametrize(
    ("scheme", "reason"), [("http:", "Invalid webhook URL scheme: 'http'"), ("https:", "non-public IP address")]
)
def test_mlflow_refuses_an_address_in_the_clear_or_on_this_machine_unless_told(
    server: tuple[str, str], listener: Listener, scheme: str, reason: str
) -> None:
    with pytest.raises(MlflowException, match=reason):
        MlflowClient(server[1]).create_webhook("x", listener.url.replace("http:", scheme), EVENTS, secret=SECRET)


def test_a_change_that_goes_past_the_server_is_told_to_nobody(
    client: MlflowClient, server: tuple[str, str], listener: Listener
) -> None:
    MlflowClient(server[1]).create_registered_model("unseen")
    client.create_registered_model("seen")
    assert verified(listener.deliveries.get(timeout=20)).name == "seen"
