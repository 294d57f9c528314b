import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vouchml.errors import PortTaken, SettingsInvalid
from vouchml.project.ports import require_free_port, require_free_ports
from vouchml.project.serving_here import known_to_serve
from vouchml.settings import DataSettings, ProjectSettings, ServingSettings, Settings


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def project(port: int, mlflow_port: int, *, host: str = "127.0.0.1", root: Path = Path()) -> Settings:
    return Settings(
        project=ProjectSettings(registered_model="m", experiment="e"),
        data=DataSettings(path="t.csv", target="t", positive_class="1"),
        serving=ServingSettings(host=host, port=port, mlflow_port=mlflow_port),
        root=root,
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_told_with_the_setting_that_changes_it(address: str) -> None:
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen(1)
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 is in use") as taken:
            require_free_ports(project(free_port(), port), mlflow=True)
        require_free_ports(project(free_port(), port), mlflow=False)
    assert "[serving] mlflow_port" in taken.value.remedy
    assert "VOUCH_SERVING__MLFLOW_PORT=" in taken.value.remedy


def test_a_port_whose_last_connection_is_closing_is_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            accepted.close()
    require_free_port(project(port, free_port()), port, setting="[serving] port")


def test_two_equal_ports_are_refused() -> None:
    port = free_port()
    with pytest.raises(SettingsInvalid, match="both"):
        require_free_ports(project(port, port), mlflow=True)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_a_host_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(SettingsInvalid, match="is not an address of this machine"):
        require_free_port(project(free_port(), 1, host=host), free_port(), setting="[serving] port")


def test_a_project_that_is_served_already_is_told_with_the_process_and_its_address(tmp_path: Path) -> None:
    port, mlflow_port = free_port(), free_port()
    settings = project(port, mlflow_port, root=tmp_path)
    with known_to_serve(settings, command="vouch up", mlflow=True):
        with pytest.raises(PortTaken) as taken:  # also before it listens: it may be training
            require_free_ports(settings, mlflow=True)
        require_free_ports(project(free_port(), free_port(), root=tmp_path), mlflow=True)
    assert taken.value.message == (
        f"This project is being served already (vouch up, process {os.getpid()}, http://127.0.0.1:{port})."
    )
    assert f"kill {os.getpid()}" in taken.value.remedy
    assert "VOUCH_SERVING__PORT=PORT" in taken.value.remedy
    require_free_ports(settings, mlflow=True)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("m", "is in use by a vouchml service of m, as this project's would be."),
        ("another", "is in use by another program: the vouchml service of another."),
    ],
)
def test_a_vouchml_service_that_this_project_did_not_start_is_named_by_its_model(model: str, words: str) -> None:
    body = json.dumps({"status": "ok", "model_name": model, "model_version": "1"}).encode()

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(PortTaken) as taken:
                require_free_ports(project(server.server_port, free_port()), mlflow=True)
        finally:
            server.shutdown()
            thread.join()
    assert taken.value.message == f"Port {server.server_port} on 127.0.0.1 {words}"


def test_mlflows_pages_of_the_same_project_are_told_with_the_option_that_leaves_them_out(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        pages = listener.getsockname()[1]
        with (
            known_to_serve(project(free_port(), pages, root=tmp_path), command="vouch up", mlflow=True),
            pytest.raises(PortTaken, match="MLflow's pages of this project are at port") as taken,
        ):
            require_free_ports(project(free_port(), pages, root=tmp_path), mlflow=True)
    assert "--no-mlflow" in taken.value.remedy
