"""Which addresses may be served without API keys, and who a request comes from.

A service without keys is for the person at this machine. Elsewhere it needs keys, or somebody who says that it is
meant to be open.

```python
keys = ApiKeysFile(api_keys_path(settings.private_folder))
rule = require_keys_for(host, keys_exist=keys.current().exist, allow_anonymous=False)
caller = Access(keys, rule.anonymous).caller(presented_key(scope["headers"]))
```
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from vouchml.errors import AnonymousRefused
from vouchml.trust.api_keys_file import ApiKeysFile
from vouchml.trust.caller import SCOPES, Caller

ANONYMOUS: Final = "anonymous"


@dataclass(frozen=True)
class AddressRule:
    """What holds at an address.

    `anonymous` is who a request without a key comes from as long as there are no keys; None: it is refused.
    `warning` is to be shown to whoever starts the service; mostly empty.
    """

    anonymous: Caller | None
    warning: str = ""


def require_keys_for(host: str, *, keys_exist: bool, allow_anonymous: bool) -> AddressRule:
    """The rule for a service that listens on `host`.

    On this machine's own address (127.0.0.0/8, ::1, localhost) whoever calls may do everything until a key exists;
    from then on every call needs one. On any other address calls need a key; with `allow_anonymous`, and no key,
    anyone may predict and read, but not operate.

    Raises:
        AnonymousRefused: the address is not this machine's own, there are no keys, and `allow_anonymous` is not set.
    """
    if is_loopback(host):
        return AddressRule(anonymous=Caller(ANONYMOUS, None, frozenset(SCOPES)))
    if not allow_anonymous:
        if not keys_exist:
            raise AnonymousRefused(
                f"Anyone who reaches {host or 'the address'} could call this service: there is no API key.",
                remedy="Make a key: vouch keys api create --name NAME --scope predict; "
                "or let everyone call: --allow-anonymous",
            )
        return AddressRule(anonymous=None)
    warning = (
        "There are API keys, so every call needs one; --allow-anonymous changes nothing."
        if keys_exist
        else f"Anyone who reaches {host or 'the address'} may ask for predictions and read what this service shows."
    )
    return AddressRule(anonymous=Caller(ANONYMOUS, None, frozenset({"predict", "read"})), warning=warning)


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether `host` is this machine's own address or name, and certainly so."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False  # another name, or a spelling such as 127.1: not known to stay on this machine
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


@dataclass(frozen=True)
class Access:
    """Who may call the service: the keys as they are now, and the rule of its address."""

    keys: ApiKeysFile
    anonymous: Caller | None

    def caller(self, presented: bytes | None) -> Caller:
        """Whoever presented this key, or no key.

        A key that is presented must be good, even where none is needed.

        Raises:
            CredentialsMissing: no key was presented, and one is needed.
            CredentialsInvalid: there is no such key, or it is revoked or expired.
        """
        keys = self.keys.current()
        if presented is None and self.anonymous is not None and not keys.exist:
            return self.anonymous
        return keys.authenticate(presented)
