"""Places outside, as real servers on this machine: an HTTP endpoint, a bucket, and a time-stamping authority."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


@dataclass
class Received:
    """What one request brought."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server that keeps what comes, and answers with `status`."""

    url: str = ""
    status: int = 200
    received: list[Received] = field(default_factory=list)

    def answer(self, request: Received) -> tuple[int, bytes]:
        self.received.append(request)
        return self.status, b""


@dataclass
class Bucket(Receiver):
    """As S3 does: an object is put if there is none of its name, its checksum fits, and the request is signed."""

    key_id: str = "AKEY"
    objects: dict[str, bytes] = field(default_factory=dict)

    def answer(self, request: Received) -> tuple[int, bytes]:
        self.received.append(request)
        if f"AWS4-HMAC-SHA256 Credential={self.key_id}/" not in request.headers.get("authorization", ""):
            return 403, b""
        if request.method == "GET":
            return (200, self.objects[request.path]) if request.path in self.objects else (404, b"")
        if request.headers["x-amz-checksum-sha256"] != b64encode(sha256(request.body).digest()).decode():
            return 400, b""
        if request.headers.get("if-none-match") == "*" and request.path in self.objects:
            return 412, b""
        self.objects[request.path] = request.body
        return 200, b""


@dataclass
class Authority(Receiver):
    """`openssl ts`, as far as possible from our code; `lies` lets it stamp something else."""

    folder: Path = Path()
    lies: bool = False

    def answer(self, request: Received) -> tuple[int, bytes]:
        self.received.append(request)
        query, reply = self.folder / "query.tsq", self.folder / "reply.tsr"
        query.write_bytes(request.body)
        if self.lies:
            self.openssl("ts", "-query", "-data", "authority.cnf", "-sha256", "-cert", "-out", "query.tsq")
        self.openssl("ts", "-reply", "-queryfile", "query.tsq", "-config", "authority.cnf", "-out", "reply.tsr")
        return self.status, reply.read_bytes()

    def openssl(self, *arguments: str) -> str:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make_keys(self) -> None:
        (self.folder / "authority.cnf").write_text(
            "[tsa]\ndefault_tsa = here\n[here]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key\n"
            "signer_digest = sha256\ndigests = sha256\ndefault_policy = 1.2.3.4.1\n"
            "ess_cert_id_alg = sha256\n[ext]\nextendedKeyUsage = critical,timeStamping\n"
            "basicConstraints = critical,CA:false\nkeyUsage = critical,digitalSignature\n"
            "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
            "[root]\nbasicConstraints = critical,CA:true\nkeyUsage = critical,keyCertSign,cRLSign\n"
            "subjectKeyIdentifier = hash\n"
            "[req]\ndistinguished_name = name\n[name]\n"
        )
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "authority.cnf"]
        root = ["-subj", "/CN=Test root", "-extensions", "root", "-keyout", "root.key", "-out", "root.pem"]
        self.openssl("req", "-x509", "-days", "30", *new_key, *root)
        self.openssl("req", *new_key, "-subj", "/CN=Test authority", "-keyout", "tsa.key", "-out", "tsa.csr")
        signed_by = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"]
        extensions = ["-extfile", "authority.cnf", "-extensions", "ext"]
        self.openssl("x509", "-req", "-in", "tsa.csr", *signed_by, "-days", "30", *extensions, "-out", "tsa.pem")
        (self.folder / "serial").write_text("01\n")


@contextmanager
def listening(receiver: Receiver) -> Iterator[None]:
    """Let `receiver` answer on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, content = receiver.answer(Received(self.command, self.path, headers, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Tue, 24 Nov 2026 22:04:10 GMT")
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_GET = _answer  # noqa: N815 - the names that it looks for

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
