"""Who may call the service of a project: the rule of its address, with the API keys that there are."""

from __future__ import annotations

from vouchml.settings import Settings
from vouchml.trust.access import AddressRule, require_keys_for
from vouchml.trust.api_keys_file import api_keys_path, read_api_keys


def address_rule(settings: Settings) -> AddressRule:
    """What holds at `[serving] host`.

    Raises:
        AnonymousRefused: others can reach it, there are no API keys, and nobody said that it is meant to be open.
        ApiKeysUnreadable: the file of the API keys is broken.
    """
    serving = settings.serving
    keys = read_api_keys(api_keys_path(settings.private_folder))
    return require_keys_for(serving.host, keys_exist=bool(keys), allow_anonymous=serving.allow_anonymous)
