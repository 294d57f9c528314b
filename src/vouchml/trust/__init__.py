"""Who is trusted with what: the signature of MLflow's webhooks."""

from vouchml.trust.webhook import SeenDeliveries, WebhookEvent
from vouchml.trust.webhook import verify as verify_webhook

__all__ = ["SeenDeliveries", "WebhookEvent", "verify_webhook"]
