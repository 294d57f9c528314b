"""Write docs/screenshots from a running stack, so that the pictures show what the code does today.

A copy of the shipped project in a temporary folder, the real `vouch up` on free ports, and a headless Chromium that
walks its pages as a person would. Nothing is added to a page or taken out of it. A page that does not show what its
picture is named after ends the script with what was missing, and the pictures that were there stay as they are.

    python scripts/take_screenshots.py
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Locator,
    Page,
    Playwright,
    ViewportSize,
    expect,
    sync_playwright,
)

from vouchml.cli.screen import note, steps

ROOT: Final = Path(__file__).resolve().parents[1]
SCREENSHOTS: Final = ROOT / "docs" / "screenshots"
CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS: Final = (
    "--no-sandbox",  # root has none; only pages of this machine are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WINDOW: Final[ViewportSize] = {"width": 1400, "height": 900}
PATIENCE_MILLISECONDS: Final = 30_000
STOP_SECONDS: Final = 30
NOTHING_LIES_OVER: Final = """element => {
  const { x, y, width, height } = element.getBoundingClientRect();
  const top = document.elementFromPoint(x + width / 2, y + height / 2);
  return element.contains(top) || Boolean(top?.contains(element));
}"""
TRACE_FIELDS: Final = (
    "request_id",
    "prediction_id",
    "model_name",
    "model_stage",
    "model_version",
    "source_run_id",
)


class NoPicture(Exception):
    """A picture cannot be taken, and why."""


class ChromiumMissing(NoPicture):
    """No Chromium is installed."""


@dataclass(frozen=True)
class Stack:
    """A running `vouch up`, and the version that it serves."""

    folder: Path
    api: str
    mlflow: str
    model: str
    version: str
    run: str

    def first_row(self) -> str:
        """The first row of the table as a request body."""
        with (self.folder / "data" / "breast_cancer.csv").open(encoding="utf-8", newline="") as table:
            row = next(csv.DictReader(table))
        del row["target"]
        return json.dumps({"features": {name: float(value) for name, value in row.items()}}, indent=2)


Shown = Mapping[str, Locator]  # what a picture must show, in words, and where it stands on the page


def main() -> None:
    """Take every picture, then write all of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        chromium = find_chromium()
        with steps() as say, running_stack(say) as stack:
            pictures = take_pictures(stack, chromium, say)
    except NoPicture as problem:
        sys.exit(f"error: {problem}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    SCREENSHOTS.mkdir(exist_ok=True)
    for name, png in pictures.items():
        (SCREENSHOTS / name).write_bytes(png)
        note(f"wrote docs/screenshots/{name} ({len(png) / 1000:.0f} kB)")


def find_chromium() -> Path:
    """The Chromium of this machine.

    Raises:
        ChromiumMissing: there is none.
    """
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return Path(path)
    raise ChromiumMissing("Chromium is not installed.\nOn Debian: apt-get install chromium fonts-liberation")


def open_chromium(playwright: Playwright, chromium: Path, *arguments: str) -> Browser:
    """Start it headless."""
    return playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_ARGUMENTS, *arguments])


@contextmanager
def running_stack(say: Callable[[str], None]) -> Iterator[Stack]:
    """`vouch up` in a new copy of the shipped project, from when it serves until the pictures are taken.

    Raises:
        NoPicture: it did not come to serve, or did not end well.
    """
    with TemporaryDirectory(prefix="vouch-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        shutil.copy(ROOT / "vouch.toml", folder)
        shutil.copy(ROOT / "data" / "breast_cancer.csv", folder / "data")
        port, mlflow_port = free_ports()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("VOUCH_", "MLFLOW_"))}
        ports = {"VOUCH_SERVING__PORT": str(port), "VOUCH_SERVING__MLFLOW_PORT": str(mlflow_port)}
        with subprocess.Popen(
            [Path(sys.executable).with_name("vouch"), "up"],
            cwd=folder,
            env={**kept, **ports, "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as up:
            try:
                wait_until_it_serves(up, say)
                yield describe(folder, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{mlflow_port}")
                say("Stopping")
            finally:
                stop(up)
        if up.returncode:
            raise NoPicture(f"vouch up ended with exit status {up.returncode}.")


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def wait_until_it_serves(up: subprocess.Popen[str], say: Callable[[str], None]) -> None:
    """Read what `vouch up` says until it says that it runs."""
    assert up.stderr is not None  # noqa: S101 - it is a pipe
    said = []
    for line in up.stderr:
        said.append(line)
        if line.startswith("Running."):
            return
        if step := line.strip().removesuffix(" …"):
            say(f"vouch up: {step}")
    raise NoPicture(f"vouch up did not come to serve. It said:\n{''.join(said)}")


def stop(up: subprocess.Popen[str]) -> None:
    """End it, and with it all that it started."""
    # Not SIGINT: a shell that runs `make` in the background has it ignored in all below.
    up.terminate()
    try:
        up.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        up.kill()


def describe(folder: Path, api: str, mlflow: str) -> Stack:
    """Ask the service what it serves."""
    served = httpx.get(f"{api}/model-info", trust_env=False).raise_for_status().json()
    return Stack(folder, api, mlflow, served["model_name"], served["model_version"], served["source_run_id"])


def take_pictures(stack: Stack, chromium: Path, say: Callable[[str], None]) -> dict[str, bytes]:
    """Every picture as a PNG, by the name of its file.

    Raises:
        NoPicture: a page does not show what it must.
    """
    pictures = {}
    with sync_playwright() as playwright, open_chromium(playwright, chromium) as browser:
        context = browser.new_context(viewport=WINDOW, locale="en-GB", timezone_id="UTC", reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        settle_in(context, stack)
        for name, bring_up in PICTURES.items():
            say(f"Taking {name}")
            pictures[name] = take_picture(name, bring_up, context, stack)
    return pictures


def settle_in(context: BrowserContext, stack: Stack) -> None:
    """Answer what MLflow asks on a first visit: models, not language models, and no assistant beside the page."""
    with context.new_page() as page:
        try:
            page.goto(stack.mlflow)
            page.get_by_role("button", name="Model training", exact=True).click()
            page.locator("[data-component-id='mlflow.assistant.chat_panel.close']").click()
        except Error as error:
            raise NoPicture(f"MLflow's first page is not as it was:\n{error}") from error


def take_picture(name: str, bring_up: Callable[[Page, Stack], Shown], context: BrowserContext, stack: Stack) -> bytes:
    """Bring up a page, check that it shows what it must with nothing lying over it, and take its picture."""
    with context.new_page() as page:
        try:
            shown = bring_up(page, stack)
        except Error as error:
            raise NoPicture(f"{name}: the page could not be brought up.\n{error}") from error
        page.mouse.move(0, 0)  # what it hovers over looks different
        for what, place in shown.items():
            try:
                expect(place).to_be_in_viewport(ratio=0.9, timeout=PATIENCE_MILLISECONDS)
            except AssertionError as error:
                raise NoPicture(f"{name}: the page does not show {what}.\n{error}") from error
            try:
                page.wait_for_function(NOTHING_LIES_OVER, arg=place.element_handle())
            except Error as error:
                raise NoPicture(f"{name}: something lies over {what}.") from error
        return page.screenshot(animations="disabled")


def run_overview(page: Page, stack: Stack) -> Shown:
    """The page of the run, in a window that is high enough for both tables."""
    page.set_viewport_size({"width": WINDOW["width"], "height": 1440})
    page.goto(f"{stack.mlflow}/#/runs/{stack.run}")
    metrics = ("accuracy", "precision", "recall", "f1", "roc_auc")
    parameters = ("C 1.0", "max_iter 1000", "random_state 42", "solver lbfgs")
    return {
        "the id of the run": page.get_by_text(stack.run, exact=True),
        "that the run has finished": page.get_by_text("Finished", exact=True),
        **{f"the metric {name}": page.get_by_role("link", name=name, exact=True) for name in metrics},
        **{f"the parameter {row}": page.get_by_role("row", name=row, exact=True) for row in parameters},
        "the tag data_sha256": page.get_by_text("data_sha256", exact=True),
        "the registered model": page.get_by_role("link", name=stack.model, exact=True),
    }


def run_artifacts(page: Page, stack: Stack) -> Shown:
    """The artifacts of the run, with the confusion matrix opened."""
    page.goto(f"{stack.mlflow}/#/runs/{stack.run}")
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_role("listitem").filter(has_text="confusion_matrix.png").click()
    matrix = page.get_by_role("img", name="confusion_matrix.png")
    expect(matrix, "the confusion matrix has no pixels").not_to_have_js_property("naturalWidth", 0)
    files = ("run_manifest.json", "classification_report.json", "environment.txt", "roc_curve.png")
    return {
        **{f"the artifact {name}": page.get_by_role("listitem").filter(has_text=name) for name in files},
        "the confusion matrix": matrix,
    }


def registered_model(page: Page, stack: Stack) -> Shown:
    """The page of the registered version, which names both its alias and its stage."""
    page.goto(f"{stack.mlflow}/#/models/{stack.model}/versions/{stack.version}")
    return {
        "the registered model": page.get_by_role("link", name=stack.model, exact=True),
        "the version": page.get_by_role("heading", name=f"Version {stack.version}", exact=True),
        "the alias @staging": page.get_by_role("status", name="staging", exact=True),
        "the stage Staging": page.get_by_text("Staging", exact=True),
        "the tag data_sha256": page.get_by_role("cell", name="data_sha256", exact=True),
    }


def swagger(page: Page, stack: Stack) -> Shown:
    """The service's own page, in a window that is high enough for every endpoint."""
    page.goto(f"{stack.api}/docs")
    last = page.locator(".opblock").last
    last.wait_for()
    box = last.bounding_box()
    end = int(box["y"] + box["height"]) + 50 if box else 0
    page.set_viewport_size({"width": WINDOW["width"], "height": max(end, WINDOW["height"])})
    paths = ("/health", "/model-info", "/predict")
    return {f"the endpoint {path}": endpoint(page, path).locator(".opblock-summary-path") for path in paths}


def prediction(page: Page, stack: Stack) -> Shown:
    """`POST /predict` tried out with the first row of the table: the request above, the answer and its trace below."""
    page.set_viewport_size({"width": WINDOW["width"], "height": 1060})
    page.goto(f"{stack.api}/docs")
    predict = endpoint(page, "/predict")
    predict.locator(".opblock-summary-control").click()
    predict.get_by_role("button", name="Try it out").click()
    predict.get_by_role("textbox").fill(stack.first_row())
    predict.get_by_role("button", name="Execute").click()
    answer = predict.locator(".live-responses-table .response")
    answer.scroll_into_view_if_needed()  # waits until the page has stopped moving
    predict.get_by_role("heading", name="Curl").evaluate("heading => heading.scrollIntoView()")
    fields = ("positive_class", "probability_positive_class", "prediction_label", *TRACE_FIELDS)
    return {
        "the address": predict.locator(".request-url").get_by_text(f"{stack.api}/predict", exact=True),
        "the status 200": answer.get_by_text("200", exact=True),
        **{f"the field {name}": answer.get_by_text(f'"{name}"', exact=True) for name in fields},
        "the run": answer.get_by_text(f'"{stack.run}"', exact=True),
        "the header x-request-id": answer.get_by_text("x-request-id"),
    }


def endpoint(page: Page, path: str) -> Locator:
    """One endpoint of a Swagger page."""
    return page.locator(".opblock").filter(has=page.locator(f"[data-path='{path}']"))


PICTURES: Final[Mapping[str, Callable[[Page, Stack], Shown]]] = {
    "MLflow_Run_Overview_Params_Metrics.png": run_overview,
    "MLflow_Run_Artifacts.png": run_artifacts,
    "MLflow_Registered_Model_In_Staging.png": registered_model,
    "API_Swagger.png": swagger,
    "API_Predict_Response_With_Traceability.png": prediction,
}


if __name__ == "__main__":
    main()
