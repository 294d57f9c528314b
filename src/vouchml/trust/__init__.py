"""Who is trusted with what: API keys, open addresses, and the signature of MLflow's webhooks."""

from vouchml.trust.access import Access, AddressRule, require_keys_for
from vouchml.trust.api_keys import ApiKey, ApiKeys
from vouchml.trust.api_keys_file import ApiKeysFile, api_keys_path, create_api_key, read_api_keys, revoke_api_key
from vouchml.trust.caller import SCOPES, Caller, Scope, challenge, presented_key
from vouchml.trust.webhook import SeenDeliveries, WebhookEvent
from vouchml.trust.webhook import verify as verify_webhook

__all__ = [
    "SCOPES",
    "Access",
    "AddressRule",
    "ApiKey",
    "ApiKeys",
    "ApiKeysFile",
    "Caller",
    "Scope",
    "SeenDeliveries",
    "WebhookEvent",
    "api_keys_path",
    "challenge",
    "create_api_key",
    "presented_key",
    "read_api_keys",
    "require_keys_for",
    "revoke_api_key",
    "verify_webhook",
]
