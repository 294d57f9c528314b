"""Every error leaves the service in one shape: `{"detail": {"code", "message", "missing", "extra", "invalid"}}`.

No reply repeats a value that the caller sent, and none shows a stack trace or a path.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from vouchml.errors import BodyTooLarge, ContractBreach, VouchError
from vouchml.serving.schemas import ErrorDetail, ErrorReply, InvalidEntry


def error_reply(error: VouchError, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The reply that tells a caller about `error`."""
    detail = ErrorDetail(code=error.code, message=" ".join(error.diagnostics().splitlines()))
    if isinstance(error, ContractBreach):
        detail.missing, detail.extra = list(error.missing), list(error.extra)
        detail.invalid = [InvalidEntry(feature=entry.feature, problem=entry.problem) for entry in error.invalid]
    # The rest of a body that is too long is not read, so the connection cannot be used again.
    closing = {"Connection": "close"} if isinstance(error, BodyTooLarge) else {}
    return _reply(error.http_status, detail, {**closing, **(headers or {})})


def install_error_replies(app: FastAPI) -> None:
    """Answer our own errors, the router's (404, 405) and everything unexpected (500) in the one shape."""
    app.add_exception_handler(VouchError, _on_vouch_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_vouch_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VouchError)  # noqa: S101 - registered for this kind
    return error_reply(error) if error.http_status != HTTPStatus.INTERNAL_SERVER_ERROR else _internal()


async def _on_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this kind
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "-")
    message = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address. GET /docs lists what there is.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method; the header Allow names those it takes.",
    }.get(status, f"{status.phrase}.")
    return _reply(status, ErrorDetail(code=code, message=message), error.headers)


async def _on_unexpected(_: Request, __: Exception) -> JSONResponse:
    return _internal()  # Starlette raises the error again, so that the server logs it with its traceback.


def _internal() -> JSONResponse:
    return _reply(500, ErrorDetail(code="internal-error", message="The service failed; its log says why."), None)


def _reply(status: int, detail: ErrorDetail, headers: Mapping[str, str] | None) -> JSONResponse:
    return JSONResponse(ErrorReply(detail=detail).model_dump(), status_code=status, headers=headers)
