"""MLflow's scoring protocol, `POST /invocations`, for clients that talk to `mlflow models serve`.

The answer is what `mlflow.pyfunc` gives for our models: the probabilities of both classes, row by row. Where it comes
from stands in headers, since the body has no place for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import quote

import anyio.to_thread

from vouchml.errors import BodyTypeUnsupported, VouchError
from vouchml.model import Contract
from vouchml.serving.data_plane import DataPlane, ScoredRows
from vouchml.serving.doors.base import LONG_BODY, Call, is_plain
from vouchml.serving.doors.mlflow_parquet import from_parquet
from vouchml.serving.doors.mlflow_tables import Decoded, TableRules, from_csv, from_json
from vouchml.serving.doors.predict import REQUEST_ID
from vouchml.serving.error_replies import ask_again, in_one_line, told
from vouchml.serving.recording import Recording
from vouchml.serving.reply import JSON, Header, Reply
from vouchml.settings import ServingSettings

_READERS: Final[Mapping[bytes, Callable[[bytes, TableRules], Decoded]]] = {
    b"application/json": from_json,
    b"text/csv": from_csv,
    b"application/vnd.apache.parquet": from_parquet,
}
#: What MLflow calls our statuses; it answers a breach of the signature with 400.
_MLFLOW: Final[Mapping[int, tuple[int, str]]] = {
    400: (400, "BAD_REQUEST"),
    401: (401, "UNAUTHENTICATED"),
    403: (403, "PERMISSION_DENIED"),
    404: (404, "RESOURCE_DOES_NOT_EXIST"),
    405: (405, "BAD_REQUEST"),
    408: (408, "BAD_REQUEST"),
    413: (413, "BAD_REQUEST"),
    415: (415, "BAD_REQUEST"),
    422: (400, "INVALID_PARAMETER_VALUE"),
    429: (429, "REQUEST_LIMIT_EXCEEDED"),
    503: (503, "TEMPORARILY_UNAVAILABLE"),
}


class MlflowScoringDoor:
    """Tables in, the probabilities of both classes out."""

    name = "mlflow"

    def __init__(self, plane: DataPlane, recording: Recording, settings: ServingSettings) -> None:
        self.longest_body = settings.max_batch_bytes
        self._max_rows = settings.max_batch_rows
        self._lenient = settings.mlflow_lenient
        self._plane = plane
        self._recording = recording

    def check_headers(self, headers: Mapping[bytes, bytes]) -> None:
        """JSON, CSV or Parquet."""
        kind, parameters = _content_type(headers)
        if kind not in _READERS or parameters not in (b"", b"charset=utf-8") or not is_plain(headers):
            raise BodyTypeUnsupported(
                f"The body must be declared as {', '.join(each.decode() for each in _READERS)}, and not be compressed.",
                remedy="Send the header Content-Type: application/json.",
            )

    async def answer(self, call: Call) -> Reply:
        """Answer `dataframe_split`, `dataframe_records`, `instances`, `inputs`, CSV or Parquet."""
        lineup = self._plane.lineup()
        decoded = await self._decode(call, lineup.champion.contract)
        if decoded.passed_over:
            self._recording.metrics.extra_columns(decoded.passed_over)
        scored = await self._plane.score_rows(lineup, call, decoded.rows, place="rows")
        prediction_id = await self._recording.many(self.name, call, scored, decoded.rows)
        headers = (*_provenance(scored), (b"x-vouch-prediction-id", prediction_id.encode()))
        if decoded.passed_over:
            headers = (*headers, (b"x-vouch-extra-columns", b"%d" % decoded.passed_over))
        return Reply(200, _body(scored), (JSON, (REQUEST_ID, call.request_id.encode()), *headers))

    async def _decode(self, call: Call, contract: Contract) -> Decoded:
        read = _READERS[_content_type(call.headers)[0]]
        rules = TableRules(contract, max_rows=self._max_rows, lenient=self._lenient)
        if len(call.body) < LONG_BODY:
            return read(call.body, rules)
        return await anyio.to_thread.run_sync(read, call.body, rules)

    def refuse(self, error: VouchError, call: Call) -> Reply:
        """MLflow's error JSON, with what is wrong in words."""
        again = ask_again(error, self._plane.follower.retry_after)
        return mlflow_error(error, [(REQUEST_ID, call.request_id.encode()), *again])


def mlflow_error(error: VouchError, headers: Iterable[Header] = ()) -> Reply:
    """An error as MLflow's scoring server words it."""
    error = told(error)
    status, code = _MLFLOW.get(error.http_status, (error.http_status, "INTERNAL_ERROR"))
    body = json.dumps({"error_code": code, "message": in_one_line(error)}, ensure_ascii=False).encode()
    return Reply(status, body, (JSON, *headers))


def _content_type(headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
    kind, _, parameters = headers.get(b"content-type", b"").partition(b";")
    return kind.strip().lower(), parameters.strip().lower().replace(b'"', b"")


def _body(scored: ScoredRows) -> bytes:
    positive = scored.probabilities
    pairs = (positive, 1.0 - positive) if scored.served.contract.positive_index == 0 else (1.0 - positive, positive)
    rows = zip(pairs[0].tolist(), pairs[1].tolist(), strict=True)
    return b'{"predictions": [%b]}' % ", ".join([f"[{first!r}, {second!r}]" for first, second in rows]).encode()


def _provenance(scored: ScoredRows) -> tuple[Header, ...]:
    served, contract = scored.served, scored.served.contract
    texts = {
        b"x-vouch-model-name": served.name,
        b"x-vouch-model-version": served.version,
        b"x-vouch-model-stage": served.stage,
        b"x-vouch-model-role": scored.arm,
        b"x-vouch-model-digest": served.model_digest,
        b"x-vouch-source-run-id": served.run_id or "",
        b"x-vouch-positive-class": contract.positive_class,
        b"x-vouch-threshold": repr(contract.threshold),
        b"x-vouch-out-of-range": "0" if scored.outside is None else str(int(scored.outside.sum())),
    }
    # A header holds ASCII; what is not is percent-encoded.
    return tuple((name, quote(text, safe=" !#$&'()*+,/:;=?@[]~").encode()) for name, text in texts.items())
