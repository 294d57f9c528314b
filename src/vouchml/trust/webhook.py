"""Verify a delivery of MLflow's registry webhooks before anything believes it.

MLflow 3.17 (`mlflow.webhooks.delivery`, after standardwebhooks.com) posts JSON with three headers:
`X-MLflow-Delivery-Id`, `X-MLflow-Timestamp` (seconds since 1970) and, for a webhook with a secret,
`X-MLflow-Signature`: `v1,` and the base64 of HMAC-SHA256 over `<delivery id>.<timestamp>.<body>`. A retry repeats all
three, so a delivery that was taken once is refused when it is sent again.

```python
event = verify(scope["headers"], body, secret=secret, now=datetime.now(UTC), seen=seen)
```
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vouchml.errors import WebhookRefused

SIGNATURE_HEADER: Final = b"x-mlflow-signature"
TIMESTAMP_HEADER: Final = b"x-mlflow-timestamp"
DELIVERY_ID_HEADER: Final = b"x-mlflow-delivery-id"
SIGNATURE_VERSION: Final = b"v1,"

FRESHNESS: Final = timedelta(minutes=5)

# No dot in an id and only digits in a timestamp: otherwise one signature would fit two ways to cut the signed text.
_DELIVERY_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP: Final = re.compile(rb"[0-9]{1,11}")


@dataclass(frozen=True)
class WebhookEvent:
    """What happened in the registry, as MLflow tells it. A hint to look there, never a reason to load something.

    `entity` and `action` are MLflow's words, such as `model_version_alias` and `created`.
    """

    delivery_id: str
    sent: datetime
    entity: str
    action: str
    name: str | None
    version: str | None
    alias: str | None

    def concerns(self, registered_model: str) -> bool:
        """Whether it is about this registered model, and not about a prompt or a budget."""
        return self.name == registered_model and self.entity.startswith(("registered_model", "model_version"))


class SeenDeliveries:
    """The deliveries that were taken while they were fresh, at most `limit`: a few megabytes at most.

    Only deliveries with a good signature get here, so nobody else can fill it. When it is full of fresh ones the next
    is refused: to forget one would let it be replayed.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._fresh_until: dict[str, datetime] = {}

    def take(self, delivery_id: str, *, fresh_until: datetime, now: datetime) -> None:
        """Remember a delivery for as long as it is fresh.

        Raises:
            WebhookRefused: it was taken before, or there are too many.
        """
        if delivery_id in self._fresh_until:
            raise WebhookRefused("The delivery was taken before.")
        if len(self._fresh_until) >= self._limit:
            self._fresh_until = {known: until for known, until in self._fresh_until.items() if until >= now}
        if len(self._fresh_until) >= self._limit:
            raise WebhookRefused("Too many deliveries in ten minutes.")
        self._fresh_until[delivery_id] = fresh_until


def verify(
    headers: Iterable[tuple[bytes, bytes]], body: bytes, *, secret: str, now: datetime, seen: SeenDeliveries
) -> WebhookEvent:
    """The event of a delivery that is signed with `secret`, at most 5 minutes old or ahead, and new.

    `headers` are as ASGI has them, names in lower case; `body` is the body as it arrived.

    Raises:
        WebhookRefused: one of that is not so, or it is not one of MLflow's deliveries.
    """
    named = _webhook_headers(headers)
    delivery_id, timestamp = named[DELIVERY_ID_HEADER], named[TIMESTAMP_HEADER]
    if not _DELIVERY_ID.fullmatch(delivery_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise WebhookRefused("The delivery id or the timestamp is malformed.")
    if not hmac.compare_digest(_signature(secret, delivery_id, timestamp, body), named[SIGNATURE_HEADER]):
        raise WebhookRefused(
            "The signature does not fit.", remedy="Give MLflow's webhook and the service the same secret."
        )
    sent = datetime.fromtimestamp(int(timestamp), UTC)
    if abs(now - sent) > FRESHNESS:
        raise WebhookRefused(
            "The delivery is more than 5 minutes old or ahead.", remedy="Set the clocks of both machines by NTP."
        )
    event = _event(body, delivery_id.decode(), sent)
    seen.take(event.delivery_id, fresh_until=sent + FRESHNESS, now=now)
    return event


def _webhook_headers(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    wanted = (SIGNATURE_HEADER, TIMESTAMP_HEADER, DELIVERY_ID_HEADER)
    found = [(name, value) for name, value in headers if name in wanted]
    named = dict(found)
    if len(named) != len(wanted) or len(found) != len(wanted):
        raise WebhookRefused(
            "The delivery needs X-MLflow-Delivery-Id, X-MLflow-Timestamp and X-MLflow-Signature, each once.",
            remedy="Make MLflow's webhook with a secret: without one it does not sign.",
        )
    return named


def _signature(secret: str, delivery_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    if not secret:
        raise WebhookRefused("The service has no secret for webhooks.", remedy="Set one, and give it to MLflow too.")
    digest = hmac.digest(secret.encode(), b"%b.%b.%b" % (delivery_id, timestamp, body), "sha256")
    return SIGNATURE_VERSION + base64.b64encode(digest)


def _event(body: bytes, delivery_id: str, sent: datetime) -> WebhookEvent:
    try:
        document = json.loads(body)
        data = document["data"]
        return WebhookEvent(
            delivery_id=delivery_id,
            sent=sent,
            entity=_text(document["entity"]),
            action=_text(document["action"]),
            name=_text_or_none(data.get("name")),
            version=_text_or_none(data.get("version")),
            alias=_text_or_none(data.get("alias")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise WebhookRefused("The delivery is not an event as MLflow 3.17 tells it.") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)
