"""Who calls, and what they may do: the scopes, and where a request carries its API key.

`predict` asks for predictions, `read` looks at the model and the traces, `operate` also changes what the service
does. Who may operate may read; who may predict may do nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from vouchml.errors import CredentialsInvalid, CredentialsMissing, ScopeMissing, VouchError

Scope = Literal["predict", "read", "operate"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

_REALM: Final = 'Bearer realm="vouchml"'


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request: the name goes into the trace. `key_id` is None for who needs no key."""

    name: str
    key_id: str | None
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Let pass who has `scope`.

        Raises:
            ScopeMissing: this caller does not.
        """
        if scope not in self.scopes:
            whose = "This API key" if self.key_id else "A caller without an API key"
            raise ScopeMissing(
                f"{whose} has no scope '{scope}'.",
                scope=scope,
                remedy="Ask whoever runs the service for a key that has it.",
            )


def with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """`scopes` and those that come with them: `operate` brings `read`."""
    granted = frozenset(scopes)
    return granted | {"read"} if "operate" in granted else granted


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The API key that a request carries in `Authorization: Bearer …` or `X-API-Key: …`; None if it carries none.

    `headers` are as ASGI has them, names in lower case. Another scheme of `Authorization` is no API key: it is for a
    proxy in front of the service.

    Raises:
        CredentialsInvalid: two different keys; which of them counts would be a guess.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == b"x-api-key":
            key = value
        elif name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() != b"bearer":
                continue
            key = key.lstrip(b" ")  # RFC 7235: one or more spaces
        else:
            continue
        if found is not None and key != found:
            raise CredentialsInvalid("The request carries two different API keys.", remedy="Send one of them.")
        found = key
    return found


def challenge(error: VouchError) -> str | None:
    """What `WWW-Authenticate` says in the reply to `error` (RFC 6750, section 3); None when the header is not sent."""
    if isinstance(error, CredentialsMissing):
        return _REALM
    if isinstance(error, CredentialsInvalid):
        return f'{_REALM}, error="invalid_token"'
    if isinstance(error, ScopeMissing):
        return f'{_REALM}, error="insufficient_scope", scope="{error.scope}"'
    return None
