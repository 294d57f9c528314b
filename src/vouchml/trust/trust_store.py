"""The trust store: whose signatures count, for what and when; and which models do not count whoever signed them.

Times are half open: a key is valid from `valid_from` on and before `valid_to`. A revoked key does not count at any
time, not even before it was revoked: whoever has stolen it can write any time into what they sign.

```python
store = read_trust_store(Path("trust.toml"))
key = store.verifier("approver", key_id, at=datetime.now(UTC))
key.public_key.verify(signature, data)
```
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from vouchml.errors import KeyExpired, KeyNotYetValid, KeyRevoked, KeyRoleWrong, KeyUnknown, ModelRevoked
from vouchml.trust.public_key import PublicKey, read_public_key
from vouchml.trust.signing_key_file import KEY_NAME

Role = Literal["trainer", "evaluator", "approver", "gate", "ledger"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
KeyState = Literal["active", "not yet valid", "expired", "revoked"]

_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_HAVE_IT_SIGNED: Final = "Have it signed by a key that counts: vouch keys list"


def _a_public_key(value: object) -> PublicKey:
    if isinstance(value, PublicKey):
        return value
    if not isinstance(value, str):
        raise ValueError("is not text")  # noqa: TRY004 - pydantic turns a ValueError into its own
    return read_public_key(value)


def _a_key_name(name: str) -> str:
    if not KEY_NAME.fullmatch(name):
        raise ValueError("is not 1 to 64 letters, digits, dots, dashes, underlines and at signs")
    return name


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 500:
        raise ValueError("is not one line of 1 to 500 printable characters")
    return text


def _an_email(text: str) -> str:
    name, at, host = _one_line(text).rpartition("@")
    if not (name and at and host) or any(character.isspace() for character in text):
        raise ValueError("is not an e-mail address")
    return text


Moment = Annotated[AwareDatetime, Field(strict=True)]
Email = Annotated[str, AfterValidator(_an_email)]
Reason = Annotated[str, AfterValidator(_one_line)]


class TrustedKey(BaseModel):
    """One `[[key]]` of the trust store: a public key, whose it is, and what it may sign."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: Annotated[str, AfterValidator(_a_key_name)]
    email: Email
    role: Role
    public_key: Annotated[PublicKey, BeforeValidator(_a_public_key)]
    valid_from: Moment
    valid_to: Moment | None = None
    revoked: Moment | None = None
    revoked_reason: Reason | None = None
    # Made by `vouch keys init` on one machine for all roles: it shows that nothing changed, not that a person agreed.
    development: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _times_make_sense(self) -> TrustedKey:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to is before valid_from")
        if self.revoked_reason is not None and self.revoked is None:
            raise ValueError("revoked_reason without revoked, the time of it")
        return self

    @property
    def key_id(self) -> str:
        """The id of the public key."""
        return self.public_key.key_id

    def state(self, now: datetime) -> KeyState:
        """Whether a signature by the key counts at `now`."""
        if self.revoked is not None:
            return "revoked"
        if now < self.valid_from:
            return "not yet valid"
        return "expired" if self.valid_to is not None and now >= self.valid_to else "active"


class RevokedModel(BaseModel):
    """One `[[revoked_model]]`: a model digest that no service may load, whatever was signed about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    time: Moment
    reason: Reason


class TrustStore(BaseModel):
    """The keys and the revoked models of a project at one moment, in the order of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: tuple[TrustedKey, ...] = ()
    revoked_model: tuple[RevokedModel, ...] = ()

    @model_validator(mode="after")
    def _a_key_stands_once_and_a_name_has_one_key_at_a_time(self) -> TrustStore:
        ids = [key.key_id for key in self.key]
        if twice := next((key for key in self.key if ids.count(key.key_id) > 1), None):
            raise ValueError(f"the public key of '{twice.name}' stands twice, and a key has one role")
        good = [key for key in self.key if key.revoked is None]
        for index, key in enumerate(good):
            if any(other.name == key.name and _overlap(key, other) for other in good[:index]):
                raise ValueError(f"'{key.name}' has two keys that are valid at the same time")
        return self

    def verifier(self, role: Role, key_id: str, *, at: datetime) -> TrustedKey:
        """The key `key_id`, if a signature by it counts for `role` at the time `at`.

        Raises:
            KeyUnknown: there is no such key.
            KeyRevoked: it is revoked, whenever.
            KeyRoleWrong: it has another role.
            KeyNotYetValid: `at` is before its time.
            KeyExpired: `at` is after its time.
        """
        key = next((key for key in self.key if key.key_id == key_id), None)
        if key is None:
            # The id is shown only when it is one: it may come from a file that anybody wrote.
            shown = f" {key_id[:16]}" if len(key_id) == 64 and key_id.isalnum() and key_id.isascii() else ""
            raise KeyUnknown(f"The key{shown} is not in the trust store.", remedy=_HAVE_IT_SIGNED)
        self._check(key, role, at)
        return key

    def at_any_time(self) -> TrustStore:
        """The same keys, each of which counts whenever unless it is revoked: to ask for revocations alone."""
        keys = tuple(key.model_copy(update={"valid_from": _ALWAYS, "valid_to": None}) for key in self.key)
        # Not validated: there, a name has one key at a time.
        return TrustStore.model_construct(key=keys, revoked_model=self.revoked_model)

    def signers(self, role: Role, *, at: datetime) -> tuple[TrustedKey, ...]:
        """The keys whose signatures count for `role` at the time `at`, in the order of the file."""
        return tuple(key for key in self.key if key.role == role and key.state(at) == "active")

    def require_not_revoked(self, digest: str) -> None:
        """Check that the model `digest` is not revoked.

        Raises:
            ModelRevoked: it is.
        """
        found = next((model for model in self.revoked_model if model.digest == digest), None)
        if found is not None:
            raise ModelRevoked(
                f"The model {digest[:16]} was revoked {found.time:%Y-%m-%d}: {found.reason}",
                remedy="Promote another version.",
            )

    @staticmethod
    def _check(key: TrustedKey, role: Role, at: datetime) -> None:
        who = f"The key {key.key_id[:16]} of {key.name}"
        if key.revoked is not None:
            reason = f": {key.revoked_reason}" if key.revoked_reason else "."
            raise KeyRevoked(f"{who} was revoked {key.revoked:%Y-%m-%d}{reason}", remedy=_HAVE_IT_SIGNED)
        if key.role != role:
            raise KeyRoleWrong(
                f"{who} has the role {key.role}, and this needs the role {role}.", remedy=_HAVE_IT_SIGNED
            )
        if at < key.valid_from:
            raise KeyNotYetValid(f"{who} is valid from {key.valid_from:%Y-%m-%d %H:%M} on.", remedy=_HAVE_IT_SIGNED)
        if key.valid_to is not None and at >= key.valid_to:
            raise KeyExpired(f"{who} was valid until {key.valid_to:%Y-%m-%d %H:%M}.", remedy=_HAVE_IT_SIGNED)


def find_keys(keys: Sequence[TrustedKey], reference: str) -> tuple[TrustedKey, ...]:
    """The keys that `reference` means: those of a name, else those whose id begins with it (8 digits at least)."""
    if named := tuple(key for key in keys if key.name == reference):
        return named
    return tuple(key for key in keys if len(reference) >= 8 and key.key_id.startswith(reference.lower()))


def _overlap(one: TrustedKey, other: TrustedKey) -> bool:
    return not (_ends_before(one, other) or _ends_before(other, one))


def _ends_before(one: TrustedKey, other: TrustedKey) -> bool:
    # Two may share the second of a rotation: keys begin, and statements tell their time, in whole seconds.
    return one.valid_to is not None and one.valid_to.replace(microsecond=0) <= other.valid_from
