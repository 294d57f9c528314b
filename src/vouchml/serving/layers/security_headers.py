"""Tell browsers to do as little as possible with our answers.

`HEADERS` is for replies that leave before this layer, as they are; the layer gives the same to all others, and the
page of `/docs` a policy of its own, under which nothing but the service itself is reached. An answer that brings one
of these headers keeps its own.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = b"content-security-policy"

# A browser that shows an answer as a page runs nothing in it, and no page may frame it.
STRICT_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"

HEADERS: Final[list[tuple[bytes, bytes]]] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (CONTENT_SECURITY_POLICY, STRICT_POLICY),
]

# The style sheet of Swagger UI has its icons in `data:` URLs.
DOCS_POLICY: Final = (
    b"default-src 'none'; script-src %b; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """The layer around `app`, whose documentation page stands at `docs_path`."""

    def __init__(self, app: ASGIApp, *, docs_path: str = "/docs") -> None:
        self.app = app
        self.docs_path = docs_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to the start of its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message, HEADERS)
            await send(message)

        is_docs = scope["path"].removeprefix(scope.get("root_path", "")) == self.docs_path
        await self.app(scope, receive, _DocsPage(send_with_headers) if is_docs else send_with_headers)


class _DocsPage:
    """Holds the page back until it is whole, and lets exactly the scripts run that stand in it.

    FastAPI writes the start of Swagger UI into the page, with the address of `/openapi.json`, which depends on where a
    proxy mounts the service; so its hash is taken from the page. Nothing in the page comes from a request.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        hashes = (b"'sha256-%b'" % base64.b64encode(sha256(script).digest()) for script in _SCRIPT.findall(self._body))
        _add(self._start, [(CONTENT_SECURITY_POLICY, DOCS_POLICY % b" ".join([b"'self'", *hashes]))])
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


def _add(message: Message, headers: list[tuple[bytes, bytes]]) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [*message["headers"], *(pair for pair in headers if pair[0] not in present)]
