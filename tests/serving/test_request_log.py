"""The lines of predictions and refusals, into real pipes: read at once, read late, never read, and closed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchml.serving import line_writer
from vouchml.serving.logs import StandardOutput
from vouchml.serving.request_log import RequestLog


@dataclass(frozen=True)
class Version:
    name: str = "breast_cancer_classifier"
    version: str = "3"
    run_id: str | None = "0123456789abcdef0123456789abcdef"


SERVED = Version()
MODEL = {"model_name": SERVED.name, "model_version": SERVED.version, "source_run_id": SERVED.run_id}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may be busy, and a log that is to write everything is not to give up."""
    monkeypatch.setattr(line_writer, "STOP_WITHIN_SECONDS", 30.0)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close_reader()
    pipe.close_writer()


class Pipe:
    """A pipe that holds 64 KiB, both ends here."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._open = {self.reader, self.writer}

    def close_reader(self) -> None:
        self._close(self.reader)

    def close_writer(self) -> None:
        self._close(self.writer)

    def read_to_the_end(self) -> list[dict[str, Any]]:
        """Everything until the last one who could write has closed."""
        self.close_writer()
        content = b""
        while part := os.read(self.reader, 1 << 20):
            content += part
        return parsed(content)

    def read_now(self, seconds: float = 30.0) -> list[dict[str, Any]]:
        """What is there, once there is something."""
        assert select.select([self.reader], [], [], seconds)[0]
        return parsed(os.read(self.reader, 1 << 20))

    def _close(self, end: int) -> None:
        if end in self._open:
            self._open.remove(end)
            os.close(end)


def parsed(content: bytes) -> list[dict[str, Any]]:
    assert content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def started(pipe: Pipe, **options: Any) -> RequestLog:
    log = RequestLog(**{"predictions": True, "descriptor": pipe.writer, **options})
    with nobody_has_configured_handlers():
        log.start()
    return log


@contextmanager
def nobody_has_configured_handlers() -> Iterator[None]:
    """As in a service; pytest adds handlers of its own to the root, and to loggers that do not propagate."""
    logger = logging.getLogger("vouchml")
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers[:], logger.propagate = [StandardOutput()], False
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate = handlers, propagate


def predict(log: RequestLog, *numbers: int, served: Version = SERVED) -> None:
    for number in numbers:
        log.prediction(request_id=str(number), prediction_id="f" * 32, served=served, caller=None)


def ids(lines: list[dict[str, Any]]) -> list[int]:
    return [int(line["request_id"]) for line in lines if "request_id" in line]


def test_a_prediction_a_batch_and_a_refusal_are_one_json_line_each(pipe: Pipe) -> None:
    log = started(pipe, clock=lambda: 1_800_000_000.0)
    log.prediction(request_id="a", prediction_id="b", served=SERVED, caller=None)
    log.batch(request_id="c", batch_id="d", rows=7, served=Version(run_id=None), caller="ward 3")
    log.refusal(request_id="e", door="predict", status=422, code="contract-breach", caller=None)
    log.refusal(request_id="f", door="mlflow", status=403, code="not-allowed", caller="ward 3")
    log.stop()

    at = {"time": "2027-01-15T08:00:00.000Z"}
    assert pipe.read_to_the_end() == [
        {"event": "prediction", **at, "request_id": "a", "prediction_id": "b", **MODEL},
        {"event": "predictions", **at, "request_id": "c", "batch_id": "d", "rows": 7, **MODEL, "source_run_id": None,
         "caller": "ward 3"},
        {"event": "refusal", **at, "request_id": "e", "door": "predict", "status": 422, "code": "contract-breach"},
        {"event": "refusal", **at, "request_id": "f", "door": "mlflow", "status": 403, "code": "not-allowed",
         "caller": "ward 3"},
    ]  # fmt: skip
    assert log.lost == 0


def test_a_line_is_written_without_anything_that_comes_after_it(pipe: Pipe) -> None:
    log = started(pipe)
    log.refusal(request_id="1", door="predict", status=422, code="contract-breach", caller=None)

    assert ids(pipe.read_now()) == [1]
    log.stop()


def test_without_predictions_only_refusals_are_written(pipe: Pipe) -> None:
    log = started(pipe, predictions=False)
    predict(log, 1)
    log.batch(request_id="2", batch_id="b", rows=1, served=SERVED, caller=None)
    log.refusal(request_id="3", door="predict", status=422, code="contract-breach", caller=None)
    log.stop()

    assert ids(pipe.read_to_the_end()) == [3]


@given(
    texts=st.lists(st.text(max_size=40), min_size=4, max_size=4),
    milliseconds=st.integers(0, 4_102_444_800_000),
)
def test_whatever_an_id_holds_it_stays_one_line_that_reads_back(texts: list[str], milliseconds: int) -> None:
    pipe = Pipe()
    log = started(pipe, clock=lambda: milliseconds / 1000)
    request_id, name, run_id, caller = texts
    log.prediction(request_id=request_id, prediction_id="b", served=Version(name, "1", run_id), caller=caller)
    log.stop()

    (line,) = pipe.read_to_the_end()
    pipe.close_reader()

    assert (line["request_id"], line["model_name"], line["source_run_id"], line["caller"]) == tuple(texts)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_time_is_the_clock_at_each_line(pipe: Pipe) -> None:
    moments = iter([1.0, 1.0004, 1.0015, 59.9996, 3600.5])
    log = started(pipe, clock=lambda: next(moments))
    predict(log, *range(5))
    log.stop()

    times = [line["time"].removeprefix("1970-01-01T") for line in pipe.read_to_the_end()]
    assert times == ["00:00:01.000Z", "00:00:01.000Z", "00:00:01.001Z", "00:00:59.999Z", "01:00:00.500Z"]


def test_each_line_names_the_version_that_answered_it(pipe: Pipe) -> None:
    versions = [Version(version=str(number)) for number in range(80)]
    log = started(pipe)
    for served in (*versions, *versions):
        predict(log, 1, served=served)
    log.stop()

    assert [line["model_version"] for line in pipe.read_to_the_end()] == [str(number) for number in range(80)] * 2


def test_a_blocked_output_holds_up_nobody_and_all_lines_come_in_order_when_it_is_read_again(pipe: Pipe) -> None:
    async def answer_requests() -> list[int]:
        log = started(pipe)
        for first in range(0, 20_000, 1_000):
            predict(log, *range(first, first + 1_000))
            await asyncio.sleep(0)
        # Nothing has been read: the pipe is full, and its writer blocked.
        await asyncio.sleep(2 * line_writer.FLUSH_SECONDS)
        predict(log, 20_000)
        assert not select.select([], [pipe.writer], [], 0)[1]
        reading = asyncio.get_running_loop().run_in_executor(None, pipe.read_to_the_end)
        await asyncio.to_thread(log.stop)
        assert log.lost == 0
        return ids(await reading)

    assert asyncio.run(answer_requests()) == list(range(20_001))


def failure() -> Exception:
    """An error with a traceback, of a library that says two lines."""
    try:
        json.loads("{}", parse_constant=None, object_hook=lambda _: dict[str, str]()["in\ntwo lines"])
    except KeyError as error:
        return error
    raise AssertionError


def test_a_failure_is_one_line_with_its_traceback_and_waits_for_no_output(pipe: Pipe) -> None:
    log = started(pipe, clock=lambda: 1_800_000_000.0)
    fill(pipe)
    log.failure(failure(), request_id="a")
    drain(pipe)
    told: list[dict[str, Any]] = []
    while not told:
        told += pipe.read_now()
    log.stop()

    (line,) = told
    assert {**line, "traceback": ""} == {
        "event": "failure",
        "time": "2027-01-15T08:00:00.000Z",
        "request_id": "a",
        "traceback": "",
    }
    assert line["traceback"].startswith("Traceback (most recent call last):\n")
    assert line["traceback"].count("\n") > 3
    assert "KeyError" in line["traceback"]


def test_a_failure_goes_to_handlers_that_somebody_configured(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog(predictions=True, descriptor=pipe.writer)
    log.start()
    log.failure(failure(), request_id="a")
    log.stop()

    (record,) = [record for record in caplog.records if record.name == "vouchml.serving"]
    assert (record.levelname, json.loads(record.getMessage())["event"]) == ("ERROR", "failure")
    assert "KeyError" in caplog.text


def test_lines_beyond_what_may_wait_are_counted_and_told_once_it_is_read_again(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_writer, "LINES_WAITING", 1_000)
    log = started(pipe)
    fill(pipe)
    predict(log, *range(5_000))
    drain(pipe)
    told: list[dict[str, Any]] = []
    while not any(line["event"] == "lines-lost" for line in told):
        told += pipe.read_now()
    predict(log, 5_000)
    log.stop()
    told += pipe.read_to_the_end()

    (lost,) = [line for line in told if line["event"] == "lines-lost"]
    written = ids(told)
    assert lost["lines"] + len(written) == 5_001
    assert lost["lines"] >= 3_000
    assert written == sorted(set(written))
    assert written[-1] == 5_000
    assert lost.keys() == {"event", "time", "lines"}
    assert log.lost == 0


def test_an_output_that_stays_blocked_does_not_hold_up_the_end_and_what_is_lost_is_known(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_writer, "STOP_WITHIN_SECONDS", 0.5)
    log = started(pipe)
    fill(pipe)
    predict(log, *range(10))

    log.stop()

    assert log.lost == 10


def test_an_output_that_nobody_reads_any_more_is_no_error_and_its_lines_are_counted(pipe: Pipe) -> None:
    log = started(pipe)
    pipe.close_reader()
    predict(log, *range(10))
    time.sleep(2 * line_writer.FLUSH_SECONDS)
    predict(log, *range(10))
    log.stop()

    assert log.lost == 20


def test_closing_the_descriptor_elsewhere_does_not_send_lines_to_whatever_gets_its_number(
    pipe: Pipe, tmp_path: Path
) -> None:
    log = started(pipe)
    number = pipe.writer
    pipe.close_writer()
    other = os.open(tmp_path / "somebody else's", os.O_WRONLY | os.O_CREAT)
    if other != number:
        os.dup2(other, number)
    predict(log, 1)
    log.stop()

    assert ids(pipe.read_now()) == [1]
    assert (tmp_path / "somebody else's").read_bytes() == b""
    os.close(number)
    if other != number:
        os.close(other)


def test_a_pipe_that_somebody_made_non_blocking_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    log = started(pipe)
    predict(log, *range(2_000))
    time.sleep(2 * line_writer.FLUSH_SECONDS)
    lines: list[dict[str, Any]] = []
    while len(lines) < 2_000:
        lines += parsed(os.read(pipe.reader, 4096 * 16) + rest_of_line(pipe))
    log.stop()

    assert ids(lines) == list(range(2_000))


def test_a_file_that_is_full_costs_lines_which_are_told_when_there_is_room(tmp_path: Path) -> None:
    program = f"""
import os, resource, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_request_log import RequestLog, predict
path = {str(tmp_path / "log")!r}
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
log = RequestLog(predictions=True, descriptor=os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
log.start()
predict(log, *range(20))
while os.stat(path).st_size < 1_000: pass
time.sleep(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
predict(log, 20)
log.stop()
print(log.lost)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    whole, torn = [], []
    for line in (tmp_path / "log").read_bytes().splitlines():
        try:
            whole.append(json.loads(line))
        except ValueError:
            torn.append(line)
    (lost,) = [line["lines"] for line in whole if line["event"] == "lines-lost"]
    assert len(torn) == 1
    assert ids(whole)[-1] == 20
    assert len(ids(whole)) + lost == 21
    assert done.stdout == "0\n"


def test_workers_that_share_a_pipe_do_not_mix_their_lines(pipe: Pipe) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_request_log import RequestLog, Version, predict
log = RequestLog(predictions=True)
log.start()
predict(log, *range(20_000), served=Version(version=sys.argv[1]))
log.stop()
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", program, worker], stdout=pipe.writer) for worker in ("one", "other")
    ]
    lines = pipe.read_to_the_end()

    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    for worker in ("one", "other"):
        assert ids([line for line in lines if line["model_version"] == worker]) == list(range(20_000))


def test_a_line_longer_than_a_pipe_takes_at_once_is_still_one_line(pipe: Pipe) -> None:
    log = started(pipe)
    for request_id in ("a" * 10_000, "b", "c" * 5_000):
        log.refusal(request_id=request_id, door="predict", status=422, code="contract-breach", caller=None)
    log.stop()

    assert [line["request_id"] for line in pipe.read_to_the_end()] == ["a" * 10_000, "b", "c" * 5_000]


def test_handlers_that_somebody_configured_get_the_lines_instead(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog(predictions=True, descriptor=pipe.writer)
    with caplog.at_level(logging.INFO, logger="vouchml.predictions"):
        log.start()
        predict(log, 1, 2)
        log.stop()

    assert ids([json.loads(message) for message in caplog.messages]) == [1, 2]
    pipe.close_writer()
    assert os.read(pipe.reader, 1) == b""


def test_a_log_that_was_stopped_starts_again(pipe: Pipe) -> None:
    log = started(pipe)
    predict(log, 1)
    log.stop()
    predict(log, 2)
    with nobody_has_configured_handlers():
        log.start()
    predict(log, 3)
    log.stop()

    assert ids(pipe.read_to_the_end()) == [1, 3]


def fill(pipe: Pipe) -> None:
    """Leave no room in the pipe, as a reader that has stopped does."""
    os.set_blocking(pipe.writer, False)
    try:
        while True:
            os.write(pipe.writer, b"\n" * 4096)
    except BlockingIOError:
        os.set_blocking(pipe.writer, True)


def drain(pipe: Pipe) -> None:
    """Take out what `fill` put in."""
    taken = 0
    while taken < 64 * 1024:
        taken += len(os.read(pipe.reader, 64 * 1024 - taken))


def rest_of_line(pipe: Pipe) -> bytes:
    """Up to the end of the line that a read has ended in."""
    rest = b""
    while select.select([pipe.reader], [], [], 0.5)[0]:
        rest += os.read(pipe.reader, 1)
        if rest.endswith(b"\n"):
            break
    return rest
