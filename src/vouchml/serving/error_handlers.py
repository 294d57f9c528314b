"""Errors that no door has answered, in the words of the protocol that the address belongs to.

The router's (404, 405), our own that a route raises, refusals before any route, and everything unexpected (500).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from vouchml.errors import AddressUnknown, CheckpointAwaited, MethodUnknown, NoModelLoaded, ServiceFailed, VouchError
from vouchml.serving.doors.mlflow_scoring import mlflow_error
from vouchml.serving.doors.open_inference import open_inference_error
from vouchml.serving.error_replies import as_response, error_reply
from vouchml.serving.following.follower import Follower
from vouchml.serving.reply import Header, Reply


def reply_at(path: str, error: VouchError, headers: Iterable[Header] = ()) -> Reply:
    """The reply that tells whoever called `path` about `error`."""
    if path == "/v2" or path.startswith("/v2/"):
        return open_inference_error(error, headers)
    return mlflow_error(error, headers) if path == "/invocations" else error_reply(error, headers)


def install_error_handlers(
    app: FastAPI, follower: Follower, *, checkpoint_seconds: float, count: Callable[[str], None]
) -> None:
    """Answer our own errors, the router's and everything unexpected; `count` is told the code of each.

    A checkpoint that is awaited comes within `checkpoint_seconds`.
    """

    async def on_vouch_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, VouchError)  # noqa: S101 - registered for this kind
        count(error.code)
        ask_again = []
        if isinstance(error, NoModelLoaded):
            ask_again = [(b"retry-after", follower.retry_after.encode())]
        elif isinstance(error, CheckpointAwaited):
            ask_again = [(b"retry-after", b"%d" % math.ceil(checkpoint_seconds))]
        return as_response(reply_at(_path(request), error, ask_again))

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this kind
        ours = _of_the_router(error)
        count(ours.code)
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (error.headers or {}).items()
        ]
        return as_response(reply_at(_path(request), ours, headers))

    async def on_unexpected(request: Request, _: Exception) -> Response:
        # Starlette raises the error again, so that the server logs it with its traceback.
        failed = ServiceFailed()
        count(failed.code)
        return as_response(reply_at(_path(request), failed))

    app.add_exception_handler(VouchError, on_vouch_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_unexpected)


def _of_the_router(error: HTTPException) -> VouchError:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return AddressUnknown("There is nothing at this address.", remedy="GET /docs lists what there is.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodUnknown(
            "This address does not take this method.", remedy="The header Allow names those that it takes."
        )
    return ServiceFailed()


def _path(request: Request) -> str:
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))
