"""The signing keys of a project on one machine: private halves in a folder, public ones in the trust store.

The trust store is written first. A program that ends between the two leaves a public key that nobody can sign with,
which is harmless, and never a private one that nobody knows of; the same command again mends it.

```python
ring = KeyRing(settings.signing_keys_folder, settings.trust_store_path)
key, trusted = ring.signer("trainer")
```
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from vouchml.errors import (
    KeyExpired,
    KeyNotYetValid,
    KeyRevoked,
    KeyRoleWrong,
    KeyUnknown,
    SigningKeyInvalid,
    SigningKeyNotFound,
)
from vouchml.trust.private_file import changing, write_private
from vouchml.trust.public_key import Algorithm
from vouchml.trust.signing_key import SigningKey, create_signing_key
from vouchml.trust.signing_key_file import load_signing_key, save_signing_key, signing_key_path
from vouchml.trust.trust_store import ROLES, RevokedModel, Role, TrustedKey, TrustStore, find_keys
from vouchml.trust.trust_store_file import (
    read_trust_store,
    with_key,
    with_key_closed,
    with_key_revoked,
    with_model_revoked,
)

# P-256 where others verify: the OpenSSF's own tool knows no Ed25519. Ed25519 where the format demands it (the notes of
# the ledger) and everywhere else.
ALGORITHMS: Final[dict[Role, Algorithm]] = {
    "trainer": "p256",
    "evaluator": "ed25519",
    "approver": "ed25519",
    "gate": "ed25519",
    "ledger": "ed25519",
}
_DEVELOPMENT_EMAIL: Final = "development@localhost"
_LOCK: Final = "signing-keys"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Where the keys are. Nothing is kept in memory: every call reads the files."""

    folder: Path
    store_path: Path

    def store(self) -> TrustStore:
        """The trust store as it is now.

        Raises:
            TrustStoreInvalid: it cannot be read.
        """
        return read_trust_store(self.store_path)

    def add(self, name: str, *, email: str, role: str) -> TrustedKey:
        """Make a key for `name`, valid from now on.

        Raises:
            SigningKeyInvalid: the name is taken, or the name, e-mail or role cannot be used.
            TrustStoreInvalid: the trust store cannot be read or changed.
            FolderNotWritable: a file cannot be written.
        """
        known = _a_role(role)
        with self._changing():
            return self._added(name, email, known)

    def add_development_keys(self) -> tuple[TrustedKey, ...]:
        """Make a key for each role that no valid key has, all by one person on this machine; give those made.

        Raises:
            TrustStoreInvalid, FolderNotWritable: as `add`.
            SigningKeyInvalid: a name such as `development-gate` is in use for another role.
        """
        with self._changing():
            now, store = _now(), self.store()
            missing = [role for role in ROLES if not store.signers(role, at=now)]
            return tuple(
                self._added(f"development-{role}", _DEVELOPMENT_EMAIL, role, development=True) for role in missing
            )

    def rotate(self, reference: str) -> tuple[tuple[TrustedKey, TrustedKey], ...]:
        """Make a new key for each that is meant; the old one is valid until now. Gives them as (old, new).

        `reference` is a name, the beginning of an id, or a role: then those are meant that are on this machine.
        The private half of an old key is gone after this.

        Raises:
            SigningKeyNotFound: no valid key is meant.
            TrustStoreInvalid, FolderNotWritable: as `add`.
        """
        with self._changing():
            now, store = datetime.now(UTC), self.store()
            active = [key for key in store.key if key.state(now) == "active"]
            found = find_keys(active, reference) or [key for key in active if key.role == reference and self.holds(key)]
            if not found:
                raise _not_found(store, reference)
            return tuple((key, self._rotated(key, now)) for key in found)

    def revoke(self, reference: str, *, reason: str) -> TrustedKey:
        """Let a key count no longer, named by its id or, for the newest of it, by its name. Revoked ones stay so.

        Raises:
            SigningKeyNotFound: there is no such key.
            SigningKeyInvalid: the reason is not one printable line.
            TrustStoreInvalid, FolderNotWritable: as `add`.
        """
        _require_reason(reason)
        with self._changing():
            store = self.store()
            found = find_keys(store.key, reference)
            if not found:
                raise _not_found(store, reference)
            # Of several from the same second the last in the file, as a rotation right after a beginning leaves them.
            key = max(reversed(found), key=lambda key: key.valid_from)
            if key.revoked is None:
                after = with_key_revoked(self.store_path, key.key_id, _now(), reason)
                key = next(entry for entry in after.key if entry.key_id == key.key_id)
            return key

    def revoke_model(self, digest: str, *, reason: str) -> RevokedModel:
        """Let no service load the model `digest` (64 hexadecimal digits). One that is revoked stays so.

        Raises:
            SigningKeyInvalid: the digest is not one, or the reason is not one printable line.
            TrustStoreInvalid, FolderNotWritable: as `add`.
        """
        _require_reason(reason)
        try:
            model = RevokedModel(digest=digest, time=_now(), reason=reason)
        except ValidationError:
            raise SigningKeyInvalid(
                "A model digest is 64 hexadecimal digits, in lower case.", remedy="vouch registry show says it."
            ) from None
        with self._changing():
            known = next((entry for entry in self.store().revoked_model if entry.digest == digest), None)
            if known is None:
                with_model_revoked(self.store_path, model)
            return known or model

    def signer(self, role: Role, name: str | None = None) -> tuple[SigningKey, TrustedKey]:
        """The key on this machine that may sign for `role` now: that of `name`, else the only one there is.

        Raises:
            SigningKeyNotFound: none may, or several may and no name says which.
            SigningKeyUnreadable: its private half cannot be read.
            EvidenceRefused: the key of `name` does not count for the role now; a child says why.
            TrustStoreInvalid: the trust store cannot be read.
        """
        now, store = datetime.now(UTC), self.store()
        here = [key for key in store.signers(role, at=now) if signing_key_path(self.folder, key.name).exists()]
        if name is not None:
            return self._signer_named(name, role, store, [each.name for each in here], at=now)
        if not here:
            raise SigningKeyNotFound(
                f"There is no key on this machine that may sign as {role}.",
                remedy=f"vouch keys add NAME --role {role} --email EMAIL; or for development: vouch keys init",
            )
        if len(here) > 1:
            raise SigningKeyNotFound(
                f"Several keys on this machine may sign as {role}: {', '.join(key.name for key in here)}.",
                remedy="Say which one: --as NAME",
            )
        key = load_signing_key(signing_key_path(self.folder, here[0].name))
        return key, store.verifier(role, key.public.key_id, at=now)

    def _signer_named(
        self, name: str, role: Role, store: TrustStore, here: Sequence[str], *, at: datetime
    ) -> tuple[SigningKey, TrustedKey]:
        """The key of `name`; `here` are the names whose keys may sign for `role` on this machine, to be told if not."""
        remedy = f"To make one: vouch keys add NAME --role {role} --email EMAIL"
        if here:
            remedy = f"May sign as {role} here: {', '.join(here)}. {remedy}"
        path = signing_key_path(self.folder, name)
        if not path.exists():
            if any(key.name == name for key in store.key):
                raise SigningKeyNotFound(
                    f"The private half of the key '{name}' is not on this machine.",
                    remedy=f"Sign where it is. {remedy}",
                )
            hint = _nearest(name, here or [key.name for key in store.key])
            raise SigningKeyNotFound(f"There is no key '{name}'.{hint}", remedy=remedy)
        key = load_signing_key(path)
        try:
            return key, store.verifier(role, key.public.key_id, at=at)
        except (KeyUnknown, KeyRevoked, KeyRoleWrong, KeyNotYetValid, KeyExpired) as error:
            # What is in the way is the choice of the key: nothing has been signed that could be signed anew.
            raise type(error)(error.message, remedy=remedy) from None

    def holds(self, key: TrustedKey) -> bool:
        """Whether the private half of `key` is on this machine.

        Raises:
            SigningKeyUnreadable: the file of that name cannot be read.
        """
        try:
            return load_signing_key(signing_key_path(self.folder, key.name)).public == key.public_key
        except SigningKeyNotFound:
            return False

    def _changing(self) -> AbstractContextManager[None]:
        return changing(self.folder / _LOCK)

    def _added(self, name: str, email: str, role: Role, *, development: bool = False) -> TrustedKey:
        now = datetime.now(UTC)
        if any(key.name == name and key.state(now) in ("active", "not yet valid") for key in self.store().key):
            raise SigningKeyInvalid(
                f"There is a key '{name}' already.", remedy=f"Take another name, or: vouch keys rotate {name}"
            )
        return self._made(name, email, role, now.replace(microsecond=0), development=development)

    def _made(self, name: str, email: str, role: Role, now: datetime, *, development: bool) -> TrustedKey:
        path = signing_key_path(self.folder, name)
        signing = create_signing_key(ALGORITHMS[role])
        try:
            key = TrustedKey(
                name=name, email=email, role=role, public_key=signing.public, valid_from=now, development=development
            )
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            raise SigningKeyInvalid(
                f"The {problem['loc'][0]} {problem['msg'].removeprefix('Value error, ')}.", remedy="Write it in full."
            ) from None
        if not (ignore := self.folder / ".gitignore").exists():
            write_private(ignore, b"*\n")  # no private key gets into version control by mistake
        with_key(self.store_path, key)
        save_signing_key(path, signing)
        return key

    def _rotated(self, old: TrustedKey, now: datetime) -> TrustedKey:
        # The old key counts for all that it signed until now, also within this second; the new one from the beginning
        # of the second on, as every new key, since statements tell their time in whole seconds.
        with_key_closed(self.store_path, old.key_id, now)
        return self._made(old.name, old.email, old.role, now.replace(microsecond=0), development=old.development)


def _a_role(word: str) -> Role:
    found = next((role for role in ROLES if role == word), None)
    if found is None:
        close = difflib.get_close_matches(word.lower(), ROLES, n=1, cutoff=0.5)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise SigningKeyInvalid(f"There is no role '{word}'.{hint}", remedy=f"The roles are {', '.join(ROLES)}.")
    return found


def _require_reason(reason: str) -> None:
    if not reason.strip() or not reason.isprintable() or len(reason) > 500:
        raise SigningKeyInvalid(
            "A reason is one line of 1 to 500 printable characters.", remedy='Say why: --reason "lost laptop"'
        )


def _not_found(store: TrustStore, reference: str) -> SigningKeyNotFound:
    begun = [f"{key.key_id[:16]} of {key.name}" for key in store.key if key.key_id.startswith(reference.lower())]
    if reference and begun:
        return SigningKeyNotFound(
            f"The first digits of an id are at least 8. Ids that begin so: {', '.join(begun)}.",
            remedy="Give more of the one that is meant, or its name.",
        )
    hint = _nearest(reference, sorted({key.name for key in store.key}))
    return SigningKeyNotFound(f"There is no such key.{hint}", remedy="See which there are: vouch keys list")


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
