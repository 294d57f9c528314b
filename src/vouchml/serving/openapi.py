"""The OpenAPI document: with a model loaded it names the features and shows a row that can be sent as it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from vouchml.errors import ApiKeysUnreadable
from vouchml.serving.access import OPEN, scope_needed
from vouchml.serving.following.follower import Follower
from vouchml.serving.following.served_model import ServedModel
from vouchml.serving.request_bodies import JSON, request_bodies
from vouchml.serving.schemas import BatchBody, PredictBody
from vouchml.settings import ServingSettings
from vouchml.trust.access import Access

Document = dict[str, Any]

_TEXT: Final = {"schema": {"type": "string"}}
_SECURITY_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: vouch keys api create."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, in another header."},
}
_REFUSED_CALLERS: Final = {
    "401": "There is no API key, or not one that is good.",
    "403": "The API key has not the scope that is needed.",
}
_CHALLENGE: Final = {"WWW-Authenticate": {**_TEXT, "description": "What is wanted, by RFC 6750."}}
_ASK_AGAIN: Final = {"Retry-After": {**_TEXT, "description": "The seconds after which to ask again."}}

# FastAPI adds these to every route with a parameter; ours take any text and refuse it themselves.
_VALIDATION_ERROR: Final = "HTTPValidationError"
_NEVER_SENT: Final = (_VALIDATION_ERROR, "ValidationError")

REQUEST_ID_HEADER: Final = {"X-Request-ID": {**_TEXT, "description": "The id of the request."}}


def _body(model: type[BaseModel], example: Any) -> Document:
    schema = model.model_json_schema()
    schema["properties"]["request_id"].pop("default")
    return {"required": True, "content": {JSON: {"schema": schema, "example": example}}}


PREDICT_BODY: Final = _body(PredictBody, {"features": {"feature name": 1.0}})
BATCH_BODY: Final = _body(BatchBody, {"rows": [{"feature name": 1.0}]})


def install_openapi(app: FastAPI, follower: Follower, access: Access, settings: ServingSettings) -> None:
    """Let `/openapi.json` follow the model that serves, and say who may call."""
    from_routes = app.openapi

    def openapi() -> Document:
        document = copy.deepcopy(from_routes())
        document["components"]["securitySchemes"] = _SECURITY_SCHEMES
        for schema in _NEVER_SENT:
            document["components"]["schemas"].pop(schema, None)
        keyless = _is_keyless(access)
        for path, operation in _operations(document):
            if _VALIDATION_ERROR in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
            _say_who_may_call(path, operation, keyless=keyless)
            busy = operation["responses"].setdefault("503", {"description": "The service is busy."})
            busy.setdefault("content", operation["responses"]["500"]["content"])
            busy["headers"] = {**busy.get("headers", {}), **_ASK_AGAIN}
        if follower.served is not None:
            _name_model(document, follower.served, settings)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _is_keyless(access: Access) -> bool:
    """Whether a call without a key is taken, of those that come from this machine or whom the settings allow."""
    try:
        return access.anonymous is not None and not access.keys.current().exist
    except ApiKeysUnreadable:
        return False


def _say_who_may_call(path: str, operation: Document, *, keyless: bool) -> None:
    needed = scope_needed(path)
    if needed == OPEN:
        operation["security"] = []
        return
    operation["security"] = [{scheme: [needed]} for scheme in _SECURITY_SCHEMES]
    if keyless:
        operation["security"].append({})
    responses = operation["responses"]
    for status, why in _REFUSED_CALLERS.items():
        responses.setdefault(
            status, {"description": why, "headers": _CHALLENGE, "content": responses["500"]["content"]}
        )


def _name_model(document: Document, served: ServedModel, settings: ServingSettings) -> None:
    paths = document["paths"]
    for path, content in request_bodies(served, settings).items():
        paths[path]["post"]["requestBody"]["content"] = content
    named: Mapping[str, str] = {"model": served.name, "version": served.version}
    for _, operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path" and parameter["name"] in named:
                parameter["schema"]["enum"] = [named[parameter["name"]]]
