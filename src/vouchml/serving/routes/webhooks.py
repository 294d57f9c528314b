"""`POST /webhooks/mlflow`: MLflow says that something changed, and the registry is looked at without delay.

It is a hint and no more: what is served is decided by looking, so a delivery that is lost costs one poll.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel

from vouchml.errors import WebhookRefused
from vouchml.serving.body import read_body
from vouchml.serving.following.follower import Follower
from vouchml.serving.held_bytes import HeldBytes
from vouchml.serving.schemas import ErrorReply
from vouchml.settings import ServingSettings
from vouchml.trust.webhook import SeenDeliveries, verify

LONGEST_BODY: Final = 64 * 1024


class WebhookTaken(BaseModel):
    """What became of a delivery."""

    looking: bool


def webhook_routes(follower: Follower, settings: ServingSettings) -> APIRouter:
    """The route that MLflow's webhook calls."""
    routes = APIRouter(tags=["operations"])
    seen = SeenDeliveries()

    @routes.post(
        "/webhooks/mlflow",
        summary="MLflow's webhook",
        responses={
            status: {"model": ErrorReply, "description": why}
            for status, why in {
                400: "The connection closed before the body ended.",
                401: "The delivery is not signed, not fresh or not new.",
                408: "The body did not arrive in time.",
                413: "The body is too long.",
            }.items()
        },
    )
    async def mlflow_webhook(request: Request) -> WebhookTaken:
        """Signed by MLflow with `[serving] webhook_secret`, at most five minutes old, and taken once."""
        secret = settings.webhook_secret.get_secret_value()
        if not secret:
            raise WebhookRefused(
                "This service has no secret for webhooks.", remedy="Set VOUCH_SERVING__WEBHOOK_SECRET where it runs."
            )
        body = await read_body(
            dict(request.scope["headers"]),
            request.receive,
            limit=LONGEST_BODY,
            seconds=settings.body_seconds,
            held=HeldBytes(LONGEST_BODY),  # too short to count
        )
        event = verify(request.scope["headers"], body, secret=secret, now=datetime.now(UTC), seen=seen)
        looking = event.concerns(follower.model_name)
        if looking:
            follower.look_now()
        return WebhookTaken(looking=looking)

    return routes
