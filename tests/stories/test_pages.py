"""The service's page in a real browser: it needs nothing from outside, and what it offers to try works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from scripts.take_screenshots import TRACE_FIELDS, ChromiumMissing, endpoint, find_chromium, open_chromium
from tests.cli.processes import Project, free_ports

from vouchml.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
ELSEWHERE = "service.example"


@pytest.fixture(scope="module")
def service(make_project: Callable[[], Settings]) -> Iterator[str]:
    """The address of the shipped project's service, trained and served by `vouch up`."""
    began = time.perf_counter()
    folder = make_project().root
    port, mlflow_port = free_ports()
    file = folder / "vouch.toml"
    text = file.read_text(encoding="utf-8").replace("port = 8000", f"port = {port}")
    file.write_text(text.replace("[training]", "[training]\ncv_folds = 2\nbootstrap_resamples = 100"), encoding="utf-8")
    running = Project(folder, port, mlflow_port).start("up", "--no-mlflow")
    running.until("Running.")
    print(f"vouch up took {time.perf_counter() - began:.1f} s")
    yield f"http://127.0.0.1:{port}"
    running.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium that knows this machine by a foreign name too, and no other."""
    try:
        chromium = find_chromium()
    except ChromiumMissing as missing:
        pytest.skip(str(missing))
    hosts = f"MAP {ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright, open_chromium(playwright, chromium, f"--host-resolver-rules={hosts}") as made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_page() as made:
        yield made


def test_the_page_renders_and_asks_no_other_host_for_anything(service: str, page: Page) -> None:
    # By a foreign name: on a loopback address some pages leave out what they ask of others.
    address = f"http://{ELSEWHERE}:{urlsplit(service).port}"
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/docs")
    page.get_by_role("heading", name="Breast cancer classifier").wait_for()
    for path in ("/health", "/model-info", "/predict"):
        endpoint(page, path).locator(".opblock-summary-control").click()
        endpoint(page, path).get_by_role("button", name="Try it out").wait_for()
    assert {f"{address}/docs", f"{address}/openapi.json"} < set(asked)
    assert [url for url in asked if not url.startswith((f"{address}/", "data:"))] == []


def test_trying_out_a_prediction_with_the_example_on_the_page_answers_with_its_trace(service: str, page: Page) -> None:
    served = httpx.get(f"{service}/model-info").json()
    page.goto(f"{service}/docs")
    predict = endpoint(page, "/predict")
    predict.locator(".opblock-summary-control").click()
    predict.get_by_role("button", name="Try it out").click()
    with page.expect_response("**/predict") as replied:
        predict.get_by_role("button", name="Execute").click()
    shown = predict.locator(".live-responses-table .response")
    shown.get_by_text("200", exact=True).wait_for()
    answer = json.loads(shown.locator(".highlight-code code").inner_text())
    assert answer.keys() >= {"probability_positive_class", "prediction_label", *TRACE_FIELDS}
    assert {name: answer[name] for name in ("model_name", "model_stage", "model_version", "source_run_id")} == {
        name: served[name] for name in ("model_name", "model_stage", "model_version", "source_run_id")
    }
    assert answer["request_id"] == replied.value.header_value("x-request-id")


def test_screenshots_without_a_chromium_say_how_to_install_one() -> None:
    command = [sys.executable, str(REPOSITORY / "scripts" / "take_screenshots.py")]
    told = subprocess.run(command, env={**os.environ, "PATH": ""}, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr.startswith("error: Chromium is not installed.\nOn Debian: apt-get install chromium")
