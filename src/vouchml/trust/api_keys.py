"""API keys: how a key is written, what is kept of it, and how a presented one is checked.

A key is `vouch_<id>_<secret>_<checksum>`, 71 characters: 12 hexadecimal digits that name it and are no secret,
43 characters of base64url that carry 256 random bits, and the CRC-32 of all before in 8 hexadecimal digits. The fixed
form lets a secret scanner find a key in a text, `vouch_[0-9a-f]{12}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}`, and the checksum
lets it tell a key from a look-alike.

```python
key, text = new_api_key("nightly batch", ["predict"], taken=())
ApiKeys([key]).authenticate(text.encode()).require("predict")
```
"""

from __future__ import annotations

import difflib
import math
import re
import secrets
import time
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from vouchml.errors import ApiKeyInvalid, CredentialsInvalid, CredentialsMissing
from vouchml.trust.caller import SCOPES, Caller, Scope, with_implied

KEY_PREFIX: Final = "vouch_"
_ID_DIGITS: Final = 12
_ID_IN_KEY: Final = slice(len(KEY_PREFIX), len(KEY_PREFIX) + _ID_DIGITS)
_SECRET_BYTES: Final = 32
_LONGEST_NAME: Final = 100
_LONGEST_DAYS: Final = 36_500
_HOURS: Final = {"h": 1, "d": 24, "w": 24 * 7}

State = Literal["active", "expired", "revoked"]


def _a_name(name: str) -> str:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise ValueError("is not a name")
    return name


class ApiKey(BaseModel):
    """What is kept of a key: everything but the key itself. Times are UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=rf"^[0-9a-f]{{{_ID_DIGITS}}}$")
    name: Annotated[str, AfterValidator(_a_name)]
    scopes: tuple[Scope, ...] = Field(min_length=1)
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    # A password is hashed slowly because it can be guessed. This is the hash of 256 random bits, which cannot be:
    # a plain SHA-256 is as hard to invert, and checking it at each request costs half a microsecond.
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)

    def state(self, now: datetime) -> State:
        """Whether the key is good at `now`."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "active"


@dataclass(frozen=True, slots=True)
class _Entry:
    digest: bytes
    ends: float  # seconds since 1970; minus infinity for a revoked key
    caller: Caller


# What a key with an unknown id is compared with, so that it takes as long as one with a known id. No text is known
# whose SHA-256 is zero.
_NOBODY: Final = _Entry(digest=bytes(32), ends=-math.inf, caller=Caller("nobody", None, frozenset()))


class ApiKeys:
    """The keys of a project at one moment, ready to check presented ones."""

    def __init__(self, keys: Sequence[ApiKey] = ()) -> None:
        self.keys = tuple(keys)
        # Revoked and expired keys count: a service does not become open to all when its last key is revoked.
        self.exist = bool(self.keys)
        self._entries = {key.id.encode(): _entry(key) for key in self.keys}

    def authenticate(self, presented: bytes | None) -> Caller:
        """The caller whose key `presented` is.

        How long it takes does not depend on how much of a key was right.

        Raises:
            CredentialsMissing: no key was presented.
            CredentialsInvalid: there is no such key, or it is revoked or expired.
        """
        if presented is None:
            raise CredentialsMissing(
                "This needs an API key.", remedy="Send the header Authorization: Bearer KEY, or X-API-Key: KEY."
            )
        entry = self._entries.get(presented[_ID_IN_KEY], _NOBODY)
        if not compare_digest(entry.digest, sha256(presented).digest()):
            raise CredentialsInvalid("There is no such API key.", remedy="Ask whoever runs the service for one.")
        if time.time() >= entry.ends:
            # Whoever gets here holds the whole key, so they may know what became of it.
            what = "revoked" if entry.ends == -math.inf else "expired"
            raise CredentialsInvalid(f"This API key is {what}.", remedy="Ask whoever runs the service for another.")
        return entry.caller


def _entry(key: ApiKey) -> _Entry:
    ends = math.inf if key.expires is None else key.expires.timestamp()
    if key.revoked is not None:
        ends = -math.inf
    return _Entry(bytes.fromhex(key.sha256), ends, Caller(key.name, key.id, with_implied(key.scopes)))


def new_api_key(
    name: str, scopes: Iterable[str], *, taken: Collection[str], expires: str | None = None, now: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key for the caller `name`: what is kept of it, and its text, which nothing keeps.

    `taken` are the ids in use. `expires` is how long the key is good, such as `90d`; None is for ever.

    Raises:
        ApiKeyInvalid: the name, a scope or the lifetime cannot be used.
    """
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    _check_name(name)
    granted, ends = _parsed_scopes(scopes), None if expires is None else now + _parsed_lifetime(expires)
    while (key_id := secrets.token_hex(_ID_DIGITS // 2)) in taken:
        continue
    text = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    text += f"_{zlib.crc32(text.encode()):08x}"
    digest = sha256(text.encode()).hexdigest()
    return ApiKey(id=key_id, name=name, scopes=granted, created=now, expires=ends, sha256=digest), text


def _check_name(name: str) -> None:
    try:
        _a_name(name)
    except ValueError:
        raise ApiKeyInvalid(
            f"The name of a caller is 1 to {_LONGEST_NAME} printable characters.",
            remedy='Name the person or program that will use the key: --name "nightly batch"',
        ) from None


def _parsed_scopes(words: Iterable[str]) -> tuple[Scope, ...]:
    wanted = set(words)
    if unknown := sorted(wanted.difference(SCOPES)):
        close = difflib.get_close_matches(unknown[0].lower(), SCOPES, n=1, cutoff=0.5)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ApiKeyInvalid(f"There is no scope '{unknown[0]}'.{hint}", remedy=f"The scopes are {', '.join(SCOPES)}.")
    if not wanted:
        raise ApiKeyInvalid("A key needs a scope.", remedy=f"The scopes are {', '.join(SCOPES)}.")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _parsed_lifetime(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,6})([hdw])", text)
    lifetime = timedelta(hours=int(found[1]) * _HOURS[found[2]]) if found else None
    if lifetime is None or lifetime.days > _LONGEST_DAYS:
        raise ApiKeyInvalid(
            f"'{text}' is not how long a key can be good.",
            remedy="Write hours, days or weeks, up to 100 years: 12h, 90d, 52w.",
        )
    return lifetime
