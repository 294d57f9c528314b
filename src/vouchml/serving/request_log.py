"""One JSON line for each prediction and each refusal, with ids and never an input, a score or a label.

A request pays for one formatted text that is put on a list; a thread writes it a quarter of a second later at most.
Lines go to standard output, unless somebody has configured handlers for the logger `vouchml.predictions`.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Final, Protocol

from vouchml.serving.line_writer import DescriptorOutput, LineWriter, LoggerOutput, Output
from vouchml.serving.logs import PREDICTIONS, SERVING, StandardOutput, log_event, show_logs, utc_text

STANDARD_OUTPUT: Final = 1
_MODELS_KEPT: Final = 64


class Answering(Protocol):
    """What the log says of the version that answered."""

    @property
    def name(self) -> str:
        """The registered model."""
        ...

    @property
    def version(self) -> str:
        """Its number."""
        ...

    @property
    def run_id(self) -> str | None:
        """The run that made it."""
        ...


class RequestLog:
    """The lines of one worker. All are added by one thread, the one that answers requests.

    `lost` is the number of lines that were neither written nor told to be lost when the log stopped.
    """

    def __init__(
        self, *, predictions: bool, descriptor: int = STANDARD_OUTPUT, clock: Callable[[], float] = time.time
    ) -> None:
        self.lost = 0
        self._predictions = predictions
        self._descriptor = descriptor
        self._clock = clock
        self._moment = -1
        self._moment_text = ""
        self._models: dict[tuple[str, str, str | None], str] = {}
        self._latest: tuple[Answering | None, str] = (None, "")
        self._writer: LineWriter | None = None
        self._writes_itself = False

    def start(self) -> None:
        """Begin to write; what is logged before, or after `stop`, is not."""
        show_logs()
        self._writes_itself = _is_ours(PREDICTIONS)
        self._writer = LineWriter(self._output(), lost_line=self._lost_line)
        self._writer.start()

    def stop(self) -> None:
        """Write what waits, and end; an output that is blocked is not waited for."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self.lost = writer.stop()

    def prediction(self, *, request_id: str, prediction_id: str, served: Answering, caller: str | None) -> None:
        """One row was answered."""
        if self._predictions:
            answering, text = self._latest
            if answering is not served:
                text = self._model(served)
                self._latest = served, text
            self._add(
                f'{{"event": "prediction", "time": "{self._time()}", "request_id": {quoted(request_id)}, '
                f'"prediction_id": {quoted(prediction_id)}{text}{_caller(caller)}}}\n'
            )

    def batch(self, *, request_id: str, batch_id: str, rows: int, served: Answering, caller: str | None) -> None:
        """Several rows were answered; their prediction ids begin with `batch_id`."""
        if self._predictions:
            self._add(
                f'{{"event": "predictions", "time": "{self._time()}", "request_id": {quoted(request_id)}, '
                f'"batch_id": {quoted(batch_id)}, "rows": {rows}{self._model(served)}{_caller(caller)}}}\n'
            )

    def refusal(self, *, request_id: str, door: str, status: int, code: str, caller: str | None) -> None:
        """A request was refused."""
        self._add(
            f'{{"event": "refusal", "time": "{self._time()}", "request_id": {quoted(request_id)}, '
            f'"door": {quoted(door)}, "status": {status}, "code": {quoted(code)}{_caller(caller)}}}\n'
        )

    def failure(self, error: Exception, *, request_id: str) -> None:
        """The service failed where it should not have. Handlers that somebody has configured get the error itself."""
        if self._writes_itself:
            lines = "".join(traceback.format_exception(error))
            self._add(
                f'{{"event": "failure", "time": "{self._time()}", "request_id": {quoted(request_id)}, '
                f'"traceback": {quoted(lines)}}}\n'
            )
        else:
            log_event(SERVING, "failure", level=logging.ERROR, exc_info=error, request_id=request_id)

    def _add(self, line: str) -> None:
        if self._writer is not None:
            self._writer.add(line)

    def _time(self) -> str:
        """Now. A busy service writes many lines in one millisecond, so the text is kept for that long."""
        moment = int(self._clock() * 1000)
        if moment != self._moment:
            self._moment, self._moment_text = moment, _utc_text(moment)
        return self._moment_text

    def _model(self, served: Answering) -> str:
        """The part of a line that says who answered; made once a version."""
        key = (served.name, served.version, served.run_id)
        part = self._models.get(key)
        if part is None:
            if len(self._models) >= _MODELS_KEPT:
                self._models.clear()
            part = self._models[key] = (
                f', "model_name": {quoted(served.name)}, "model_version": {quoted(served.version)}, '
                f'"source_run_id": {json.dumps(served.run_id)}'
            )
        return part

    def _output(self) -> Output:
        return DescriptorOutput(self._descriptor) if self._writes_itself else LoggerOutput(PREDICTIONS)

    def _lost_line(self, lines: int) -> str:
        # Called by the thread that writes, which must not touch the text that is kept for the other one.
        at = _utc_text(int(self._clock() * 1000))
        return f'{{"event": "lines-lost", "time": "{at}", "lines": {lines}}}\n'


def _caller(name: str | None) -> str:
    return "" if name is None else f', "caller": {quoted(name)}'


def _utc_text(milliseconds: int) -> str:
    return utc_text(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _is_ours(logger: logging.Logger) -> bool:
    """Whether lines go to standard output by our own handler alone, so that they may go there directly."""
    handlers: list[logging.Handler] = []
    current: logging.Logger | None = logger
    while current is not None:
        handlers += current.handlers
        current = current.parent if current.propagate else None
    return len(handlers) == 1 and isinstance(handlers[0], StandardOutput)
