"""Who may call the service of a project: the rule of its address, and the scope that each path needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from vouchml.settings import Settings
from vouchml.trust.access import AddressRule, require_keys_for
from vouchml.trust.api_keys_file import api_keys_path, read_api_keys
from vouchml.trust.caller import Scope

OPEN: Final = "open"
#: The whole list of what needs which scope; a path that is not on it needs `read`, and `infer` of a model `predict`.
ACCESS: Final[Mapping[str, Scope | Literal["open"]]] = {
    "/predict": "predict",
    "/predict/batch": "predict",
    "/invocations": "predict",
    # Probes of orchestrators, and the pages that explain the service, which hold no predictions.
    "/health": OPEN,
    "/health/live": OPEN,
    "/health/ready": OPEN,
    "/ping": OPEN,
    "/version": OPEN,
    "/v2/health/live": OPEN,
    "/v2/health/ready": OPEN,
    "/docs": OPEN,
    "/docs/oauth2-redirect": OPEN,
    "/openapi.json": OPEN,
    # MLflow signs what it sends; it has no key.
    "/webhooks/mlflow": OPEN,
}
_STATIC: Final = "/static-offline-docs/"


def scope_needed(path: str) -> Scope | Literal["open"]:
    """What a caller of `path` must have; `path` may be one of the OpenAPI document, with names in braces."""
    needed = ACCESS.get(path)
    if needed is not None:
        return needed
    if path.startswith("/v2/models/") and path.endswith("/infer"):
        return "predict"
    return OPEN if path.startswith(_STATIC) else "read"


def address_rule(settings: Settings) -> AddressRule:
    """What holds at `[serving] host`.

    Raises:
        AnonymousRefused: others can reach it, there are no API keys, and nobody said that it is meant to be open.
        ApiKeysUnreadable: the file of the API keys is broken.
    """
    serving = settings.serving
    keys = read_api_keys(api_keys_path(settings.private_folder))
    return require_keys_for(serving.host, keys_exist=bool(keys), allow_anonymous=serving.allow_anonymous)
