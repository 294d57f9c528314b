"""Somebody opens /docs in a browser and tries the service out there, under the policy that the page is sent with."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Page, sync_playwright

from vouchml.serving.app import create_app
from vouchml.serving.layers.security_headers import SecurityHeaders
from vouchml.settings import Settings
from vouchml.trust.api_keys_file import api_keys_path, create_api_key

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Swagger UI shows a badge from another site unless it believes that it runs on this machine.
ANOTHER_NAME = "vouch.example"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@contextmanager
def served(app: Any) -> Iterator[int]:
    """`app` behind uvicorn; the port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class Visit:
    """A page, with what the browser complained about and whom it asked."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("request", lambda request: self.addresses.append(request.url))


@pytest.fixture
def visit() -> Iterator[Visit]:
    with sync_playwright() as playwright:
        rules = f"--host-resolver-rules=MAP {ANOTHER_NAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
        yield Visit(browser.new_page())
        browser.close()


def test_the_docs_page_works_under_its_policy_and_asks_no_other_site(project: Settings, visit: Visit) -> None:
    page = visit.page
    with served(SecurityHeaders(create_app(project))) as port:
        here = f"http://{ANOTHER_NAME}:{port}/"
        answer = page.goto(f"{here}docs")
        assert answer is not None
        assert "'sha256-" in answer.headers["content-security-policy"]
        operation = page.locator(".opblock", has=page.locator("[data-path='/health']"))
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answers = operation.locator(".live-responses-table")
        answers.wait_for()
        assert '"model_loaded": false' in answers.inner_text()
        assert "x-content-type-options: nosniff" in answers.inner_text()
        assert visit.complaints == []
        assert f"{here}health" in visit.addresses
        assert [address for address in visit.addresses if not address.startswith((here, "data:"))] == []


def test_a_script_that_finds_its_way_into_the_docs_page_does_not_run(project: Settings, visit: Visit) -> None:
    page = visit.page
    with served(SecurityHeaders(create_app(project))) as port:
        page.goto(f"http://{ANOTHER_NAME}:{port}/docs")
        page.locator(".opblock").first.wait_for()
        # Through the page's own document: what Playwright evaluates itself is not held by the policy.
        page.evaluate("document.body.appendChild(document.createElement('script')).textContent = 'window.ran = true'")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"window.ran = true\">')")
        page.wait_for_timeout(200)
        assert page.evaluate("window.ran") is None
        assert sum("Content Security Policy" in complaint for complaint in visit.complaints) == 2


def test_who_has_a_key_gives_it_to_the_docs_page_once_and_tries_the_service_out(
    project: Settings, visit: Visit
) -> None:
    _, key = create_api_key(api_keys_path(project.private_folder), name="a reader", scopes=("read",))
    page = visit.page
    with served(create_app(project)) as port:
        page.goto(f"http://{ANOTHER_NAME}:{port}/docs")
        page.get_by_role("button", name="Authorize").first.click()
        bearer = page.locator(".auth-container", has_text="bearer")
        bearer.get_by_role("textbox").fill(key)
        bearer.get_by_role("button", name="Apply credentials").click()
        page.get_by_role("button", name="Close").first.click()
        operation = page.locator(".opblock", has=page.locator("[data-path='/model-info']"))
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answers = operation.locator(".live-responses-table")
        answers.wait_for()
        assert '"code": "no-model-loaded"' in answers.inner_text()
