"""Every error leaves the service in one shape: `{"detail": {"code", "message", "missing", "extra", "invalid"}}`.

No reply repeats a value that the caller sent, and none shows a stack trace or a path. Doors with words of their own
for errors have a shape of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from vouchml.errors import ContractBreach, ServiceFailed, VouchError
from vouchml.serving.reply import JSON, Header, Reply
from vouchml.serving.schemas import ErrorDetail, ErrorReply, InvalidEntry


def error_reply(error: VouchError, *, headers: Iterable[Header] = ()) -> Reply:
    """The reply that tells a caller about `error`."""
    if error.http_status == HTTPStatus.INTERNAL_SERVER_ERROR:
        error = ServiceFailed()
    detail = ErrorDetail(code=error.code, message=" ".join(error.diagnostics().splitlines()))
    if isinstance(error, ContractBreach):
        detail.missing, detail.extra = list(error.missing), list(error.extra)
        detail.invalid = [InvalidEntry(feature=entry.feature, problem=entry.problem) for entry in error.invalid]
    return Reply(error.http_status, _body(detail), (JSON, *headers))


def as_response(reply: Reply) -> Response:
    """The same reply, for FastAPI to send."""
    response = Response(reply.body, status_code=reply.status)
    response.raw_headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    return response


def install_error_replies(app: FastAPI) -> None:
    """Answer our own errors, the router's (404, 405) and everything unexpected (500) in the one shape."""
    app.add_exception_handler(VouchError, _on_vouch_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_vouch_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, VouchError)  # noqa: S101 - registered for this kind
    return as_response(error_reply(error))


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this kind
    status = HTTPStatus(error.status_code)
    message = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address. GET /docs lists what there is.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method; the header Allow names those it takes.",
    }.get(status, f"{status.phrase}.")
    detail = ErrorDetail(code=status.phrase.lower().replace(" ", "-"), message=message)
    return as_response(Reply(status, _body(detail), (JSON, *_raw(error.headers or {}))))


async def _on_unexpected(_: Request, __: Exception) -> Response:
    # Starlette raises the error again, so that the server logs it with its traceback.
    return as_response(error_reply(ServiceFailed()))


def _body(detail: ErrorDetail) -> bytes:
    return ErrorReply(detail=detail).model_dump_json().encode()


def _raw(headers: Mapping[str, str]) -> list[Header]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
