"""Every error leaves the service in one shape: `{"detail": {"code", "message", "missing", "extra", "invalid"}}`.

No reply repeats a value that the caller sent, and none shows a stack trace or a path. Protocols with words of their
own for errors have a shape of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from fastapi import Response

from vouchml.errors import (
    BodiesHeld,
    ContractBreach,
    LedgerUnavailable,
    NoModelLoaded,
    ServiceBusy,
    ServiceFailed,
    VouchError,
)
from vouchml.serving.reply import CLOSE, JSON, Header, Reply, wire_headers
from vouchml.serving.schemas import ErrorDetail, ErrorReply, InvalidEntry


def error_reply(error: VouchError, headers: Iterable[Header] = ()) -> Reply:
    """The reply that tells a caller about `error`."""
    error = told(error)
    detail = ErrorDetail(code=error.code, message=" ".join(error.diagnostics().splitlines()))
    if isinstance(error, ContractBreach):
        detail.missing, detail.extra = list(error.missing), list(error.extra)
        detail.invalid = [InvalidEntry(feature=entry.feature, problem=entry.problem) for entry in error.invalid]
    body = ErrorReply(detail=detail).model_dump_json().encode()
    return Reply(error.http_status, body, (JSON, *headers))


def ask_again(error: VouchError, model_after: str) -> tuple[Header, ...]:
    """When asking again helps, as a header: for a model after `model_after` seconds, for all else after one.

    A body that was not read to its end stands in the way of the next request, so the connection ends.
    """
    if isinstance(error, BodiesHeld):
        return ((b"retry-after", b"1"), CLOSE)
    if isinstance(error, NoModelLoaded):
        return ((b"retry-after", model_after.encode()),)
    return ((b"retry-after", b"1"),) if isinstance(error, (LedgerUnavailable, ServiceBusy)) else ()


def told(error: VouchError) -> VouchError:
    """What callers are told of `error`: of a failure of ours, only that it is one."""
    return ServiceFailed() if error.http_status == HTTPStatus.INTERNAL_SERVER_ERROR else error


def in_one_line(error: VouchError) -> str:
    """The error as one text, for protocols without lists: what is wrong, then each name."""
    text = " ".join(error.diagnostics().splitlines())
    if not isinstance(error, ContractBreach):
        return text
    wrong = [f"missing: {name}" for name in error.missing] + [f"extra: {name}" for name in error.extra]
    wrong += [f"{entry.feature}: {entry.problem}" for entry in error.invalid]
    return "; ".join([text.removesuffix("."), *wrong]) if wrong else text


def as_response(reply: Reply) -> Response:
    """The same reply, for FastAPI to send."""
    response = Response(reply.body, status_code=reply.status)
    response.raw_headers = wire_headers(reply)
    return response
