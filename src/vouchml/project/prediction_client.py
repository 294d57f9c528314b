"""Ask the service for a prediction, over HTTP as any program does.

```python
with PredictionClient("http://127.0.0.1:8000") as client:
    client.predict(request_body({"mean radius": 17.99}))["prediction_label"]
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from vouchml.errors import AnotherModelServed, ServiceRefused, ServiceUnreachable

ANSWERS_WITHIN_SECONDS = 30.0
_NAMES_SHOWN = 10

#: Where the API key of a caller stands. Not one of the `VOUCH_*` variables, which are all settings.
KEY_VARIABLE: Final = "VOUCHML_API_KEY"


class PredictionClient:
    """A connection to the service at `url`, with an API key where it wants one."""

    def __init__(self, url: str, *, key: str | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            # The address was given for this service; a proxy of the environment is not meant.
            self._http = httpx.Client(
                base_url=self.url, headers=headers, timeout=ANSWERS_WITHIN_SECONDS, trust_env=False
            )
        except httpx.InvalidURL as error:
            raise _not_an_address(url) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def require_model(self, name: str) -> None:
        """Check that the service serves the registered model `name`, before a row of it is sent to somebody else.

        Raises:
            AnotherModelServed: it serves another.
            ServiceUnreachable, ServiceRefused: see `predict`.
        """
        served = self.health().get("model_name")
        if not isinstance(served, str) or not served.isprintable():
            raise _not_ours(self.url)
        if served != name:
            raise AnotherModelServed(
                f"The service at {self.url} serves {served}, and this project's model is {name}; no row was sent.",
                remedy="Name the right service: [serving] port in vouch.toml, VOUCH_SERVING__PORT=PORT, or --url URL. "
                "If it is the right one, mend [project] registered_model.",
            )

    def health(self) -> dict[str, Any]:
        """What `GET /health` says.

        Raises:
            ServiceUnreachable, ServiceRefused: see `predict`.
        """
        return self._ask("GET", "/health")

    def model_info(self) -> dict[str, Any]:
        """What `GET /model-info` says.

        Raises:
            ServiceUnreachable, ServiceRefused: see `predict`.
        """
        return self._ask("GET", "/model-info")

    def data_sha256(self) -> str:
        """The digest of the data behind the version that serves; empty for a caller who may not read it."""
        try:
            return str(self.model_info().get("data_sha256", ""))
        except ServiceRefused:
            return ""

    def predict(self, body: bytes) -> dict[str, Any]:
        """The answer to one row; `body` is sent as it is, so that the service judges it.

        Raises:
            ServiceUnreachable: nothing answers, or something that is not vouchml.
            ServiceRefused: the service answered with an error; the message lists what it found wrong.
        """
        return self._ask("POST", "/predict", content=body, headers={"Content-Type": "application/json"})

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **request)
        except httpx.TimeoutException as error:
            raise ServiceUnreachable(
                f"The service at {self.url} did not answer within {ANSWERS_WITHIN_SECONDS:g} seconds.",
                remedy="Look at its log, or run: vouch doctor",
            ) from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise _not_an_address(self.url) from error
        except httpx.HTTPError as error:
            raise ServiceUnreachable(
                f"No service answers at {self.url}.",
                remedy="Start it: vouch serve (or vouch up). Elsewhere? Name it with --url.",
            ) from error
        document = _document(response)
        if response.is_success and document is not None:
            return document
        detail = (document or {}).get("detail")
        if not isinstance(detail, Mapping) or not isinstance(detail.get("message"), str):
            raise _not_ours(self.url, f" (HTTP {response.status_code})")
        raise _refused(self.url, response.status_code, detail)


def request_body(features: Mapping[str, float | str | None], request_id: str | None = None) -> bytes:
    """The body of `POST /predict` for one row."""
    document: dict[str, Any] = {"features": dict(features)}
    if request_id is not None:
        document["request_id"] = request_id
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def _document(response: httpx.Response) -> dict[str, Any] | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _refused(url: str, status: int, detail: Mapping[str, Any]) -> ServiceRefused:
    lines = [
        *_names("missing", detail.get("missing")),
        *_names("extra", detail.get("extra")),
        *(f"invalid: {entry.get('feature')}: {entry.get('problem')}" for entry in _entries(detail.get("invalid"))),
    ]
    remedy = "\n".join(f"  {line}" for line in lines)
    if status == httpx.codes.UNAUTHORIZED:
        remedy = f"Set {KEY_VARIABLE} to an API key of the service."
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        remedy = f"Ask {url}/health for the reason, or run: vouch doctor"
    return ServiceRefused(f"The service refused the request (HTTP {status}): {detail['message']}", remedy=remedy)


def _names(word: str, names: Any) -> list[str]:
    if not isinstance(names, list) or not names:
        return []
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return [f"{word}: {', '.join(str(name) for name in names[:_NAMES_SHOWN])}{more}"]


def _entries(invalid: Any) -> list[Mapping[str, Any]]:
    entries = invalid if isinstance(invalid, list) else []
    return [entry for entry in entries if isinstance(entry, Mapping)][:_NAMES_SHOWN]


def _not_ours(url: str, how: str = "") -> ServiceUnreachable:
    return ServiceUnreachable(
        f"What answers at {url} is not the vouchml service{how}.",
        remedy="Check the address: [serving] port in vouch.toml, or --url.",
    )


def _not_an_address(url: str) -> ServiceUnreachable:
    return ServiceUnreachable(f"{url} is not an address.", remedy="Write it as http://127.0.0.1:8000.")
