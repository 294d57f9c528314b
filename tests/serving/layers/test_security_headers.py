import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from fastapi_offline import FastAPIOffline

from vouchml.serving.layers.security_headers import HEADERS, SecurityHeaders

Messages = list[dict[str, Any]]
Reply = tuple[dict[bytes, bytes], bytes]


def app_that_sends(*bodies: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> Any:
    async def app(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        for number, body in enumerate(bodies, start=1):
            await send({"type": "http.response.body", "body": body, "more_body": number < len(bodies)})

    return app


def get(app: Any, path: str = "/", **scope: Any) -> Reply:
    """The headers and the body of the answer to one request; no header may be there twice."""
    sent: Messages = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    request = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "root_path": ""}
    asyncio.run(app(request | scope, receive, send))
    start, *bodies = sent
    assert start["type"] == "http.response.start"
    names = [name.lower() for name, _ in start["headers"]]
    assert len(names) == len(set(names))
    return dict(start["headers"]), b"".join(message["body"] for message in bodies)


def test_every_answer_tells_a_browser_to_do_nothing_with_it() -> None:
    headers, body = get(SecurityHeaders(app_that_sends(b"{}")))
    assert headers == dict(HEADERS)
    assert headers == {
        b"x-content-type-options": b"nosniff",
        b"x-frame-options": b"DENY",
        b"referrer-policy": b"no-referrer",
        b"cache-control": b"no-store",
        b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    }
    assert body == b"{}"


@pytest.mark.parametrize("name", [b"cache-control", b"Cache-Control"])
def test_what_an_answer_says_itself_stays(name: bytes) -> None:
    headers, _ = get(SecurityHeaders(app_that_sends(b"", headers=[(name, b"max-age=60"), (b"etag", b"x")])))
    assert (headers[name], headers[b"etag"]) == (b"max-age=60", b"x")


def test_an_answer_in_pieces_is_not_held_back() -> None:
    seen: list[str] = []

    async def send(message: dict[str, Any]) -> None:
        seen.append(message["type"])

    async def app(scope: Any, receive: Any, send_on: Any) -> None:
        await send_on({"type": "http.response.start", "status": 200, "headers": []})
        await send_on({"type": "http.response.body", "body": b"1", "more_body": True})
        seen.append("still writing")
        await send_on({"type": "http.response.body", "body": b"2", "more_body": False})

    asyncio.run(SecurityHeaders(app)({"type": "http", "path": "/metrics"}, None, send))  # type: ignore[arg-type]
    assert seen == ["http.response.start", "http.response.body", "still writing", "http.response.body"]


def test_what_is_no_http_request_passes_untouched() -> None:
    calls: list[Any] = []

    async def app(*call: Any) -> None:
        calls.append(call)

    call = ({"type": "lifespan"}, object(), object())
    asyncio.run(SecurityHeaders(app)(*call))  # type: ignore[arg-type]
    assert calls == [call]


def test_the_docs_page_may_run_its_own_script_and_no_other() -> None:
    headers, body = get(SecurityHeaders(FastAPIOffline(title="a", redoc_url=None)), "/docs")
    policy = headers[b"content-security-policy"].decode()
    script = body.split(b"<script>")[1].split(b"</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none';")
    assert int(headers[b"content-length"]) == len(body)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/oauth2-redirect", "/docs/", "/nothing", "/x/docs"])
def test_beside_the_docs_page_the_strict_policy_holds(path: str) -> None:
    headers, _ = get(SecurityHeaders(FastAPIOffline(title="a", redoc_url=None)), path)
    assert headers[b"content-security-policy"] == b"default-src 'none'; frame-ancestors 'none'"


def test_the_docs_page_behind_a_proxy_has_the_hash_of_the_script_that_it_shows_there() -> None:
    app = SecurityHeaders(FastAPIOffline(title="a", redoc_url=None))
    here, _ = get(app, "/docs")
    there, body = get(app, "/ward/docs", root_path="/ward")
    assert b"url: '/ward/openapi.json'" in body
    assert b"sha256-" in there[b"content-security-policy"]
    assert there[b"content-security-policy"] != here[b"content-security-policy"]


def test_a_docs_page_in_pieces_arrives_whole_with_the_hash_of_its_script() -> None:
    headers, body = get(SecurityHeaders(app_that_sends(b"<script>a", b"()</script>", b"<p>")), "/docs")
    assert body == b"<script>a()</script><p>"
    digest = base64.b64encode(hashlib.sha256(b"a()").digest())
    assert b"'sha256-" + digest + b"'" in headers[b"content-security-policy"]


def test_a_layer_around_a_layer_changes_nothing() -> None:
    app = FastAPIOffline(title="a", redoc_url=None)
    for path in ("/docs", "/openapi.json"):
        assert get(SecurityHeaders(SecurityHeaders(app)), path) == get(SecurityHeaders(app), path)
