"""`.vouch/keys/api-keys.json`: made and changed by `vouch keys api`, followed by every running service.

The file is canonical JSON, mode 0600 in a folder of mode 0700. A change is one atomic replacement under a lock, so
two programs that change it at once lose nothing, and whoever reads it sees the old keys or the new ones.
"""

from __future__ import annotations

import difflib
import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from vouchml.canonical_json import canonical_json
from vouchml.errors import ApiKeyNotFound, ApiKeysUnreadable
from vouchml.trust.api_keys import KEY_PREFIX, ApiKey, ApiKeys, new_api_key
from vouchml.trust.private_file import changing, write_private

_FORMAT: Final = "vouchml-api-keys-v1"
API_KEYS_FILE: Final = Path("keys", "api-keys.json")
_LONGEST_SHOWN: Final = 20

# What tells one content of the file from another: a replacement has another inode, an edit another time.
_Mark = tuple[int, int, int]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    # Both without a default: a file that lost its keys must not read as one that never had any.
    format: Literal["vouchml-api-keys-v1"]
    keys: tuple[ApiKey, ...]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> _Document:
        if len({key.id for key in self.keys}) != len(self.keys):
            raise ValueError("an id stands twice")
        return self


def api_keys_path(private_folder: Path) -> Path:
    """The file of the API keys below `.vouch`."""
    return private_folder / API_KEYS_FILE


def read_api_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys in `path`, oldest first; none when there is no such file.

    Raises:
        ApiKeysUnreadable: the file cannot be opened or does not hold keys.
    """
    try:
        return _parsed(path.read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _cannot_be_opened(error) from error


def create_api_key(path: Path, *, name: str, scopes: Sequence[str], expires: str | None = None) -> tuple[ApiKey, str]:
    """Add a key for the caller `name`, and hand out its text: the only time that it can be seen.

    Raises:
        ApiKeyInvalid: the name, a scope or the lifetime cannot be used.
        ApiKeysUnreadable: the file is there but does not hold keys; it is left as it is.
        FolderNotWritable: the file cannot be written.
    """
    with changing(path):
        keys = read_api_keys(path)
        key, text = new_api_key(name, scopes, taken={key.id for key in keys}, expires=expires)
        _write(path, (*keys, key))
    return key, text


def revoke_api_key(path: Path, reference: str) -> ApiKey:
    """Revoke the key whose id is `reference`, or whose text it is. One that is revoked stays so, with its first time.

    Raises:
        ApiKeyNotFound: there is no such key.
        ApiKeysUnreadable: the file is there but does not hold keys; it is left as it is.
        FolderNotWritable: the file cannot be written.
    """
    key_id = _id_of(reference)
    if not path.exists():
        raise _not_found(key_id, ())
    with changing(path):
        keys = read_api_keys(path)
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            raise _not_found(key_id, keys)
        if found.revoked is not None:
            return found
        revoked = found.model_copy(update={"revoked": datetime.now(UTC).replace(microsecond=0)})
        _write(path, tuple(revoked if key is found else key for key in keys))
    return revoked


class ApiKeysFile:
    """The keys of a running service, at most `look_every` seconds old.

    While the file is gone or broken, the last good keys count: nobody who may call is shut out by a slip of an
    editor, and nobody is let in. `problem` says so, and `report` is told once for each new problem.
    """

    def __init__(
        self, path: Path, *, look_every: float = 1.0, report: Callable[[ApiKeysUnreadable], None] | None = None
    ) -> None:
        """Read the keys.

        Raises:
            ApiKeysUnreadable: the file is there but does not hold keys. A service that does not know who may call
                does not start.
        """
        self.problem: ApiKeysUnreadable | None = None
        self._path = path
        self._look_every = look_every
        self._report = report
        self._mark: _Mark | None = None
        self._keys = ApiKeys()
        self._keys = self._read()
        self._next_look = time.monotonic() + look_every

    def current(self) -> ApiKeys:
        """The keys that count now."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self._look_every
            self._look()
        return self._keys

    def _look(self) -> None:
        try:
            if self._mark == _mark(os.stat(self._path)):  # noqa: PTH116 - a third of the time of Path.stat
                return
        except OSError:
            pass  # what is wrong with it is said by reading it
        try:
            self._keys = self._read()
            self.problem = None
        except ApiKeysUnreadable as problem:
            is_new = self.problem is None or self.problem.message != problem.message
            self.problem = problem
            if is_new and self._report is not None:
                self._report(problem)

    def _read(self) -> ApiKeys:
        try:
            with self._path.open("rb") as file:
                self._mark = _mark(os.fstat(file.fileno()))
                return ApiKeys(_parsed(file.read()))
        except FileNotFoundError:
            self._mark = None
            if self._keys.exist:
                raise _unreadable("is gone") from None
            return self._keys
        except OSError as error:
            self._mark = None
            raise _cannot_be_opened(error) from error


def _parsed(content: bytes) -> tuple[ApiKey, ...]:
    try:
        return _Document.model_validate_json(content).keys
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise _unreadable(f"is not a list of API keys: {place}: {first['msg']}") from None


def _write(path: Path, keys: tuple[ApiKey, ...]) -> None:
    write_private(path, canonical_json(_Document(format=_FORMAT, keys=keys).model_dump(mode="json")))


def _mark(status: os.stat_result) -> _Mark:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _id_of(reference: str) -> str:
    # Somebody who revokes a key that leaked may have nothing but the key.
    found = re.fullmatch(rf"(?:{KEY_PREFIX})?([0-9a-f]{{12}})(?:_.*)?", reference)
    return found[1] if found else reference


def _not_found(key_id: str, keys: Sequence[ApiKey]) -> ApiKeyNotFound:
    named = [key.id for key in keys if key.name == key_id]
    close = named or difflib.get_close_matches(key_id, [key.id for key in keys], n=1, cutoff=0.5)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    # What is too long for an id may be the secret part of a key, which no message repeats.
    what = f"API key '{key_id}'" if len(key_id) <= _LONGEST_SHOWN else "such API key"
    return ApiKeyNotFound(f"There is no {what}.{hint}", remedy="See which there are: vouch keys api list")


def _cannot_be_opened(error: OSError) -> ApiKeysUnreadable:
    return _unreadable(f"cannot be opened: {error.strerror or 'the system refuses'}")


def _unreadable(what: str) -> ApiKeysUnreadable:
    return ApiKeysUnreadable(
        f"The file of the API keys {what}.",
        remedy="Put back a copy of .vouch/keys/api-keys.json, or move it away and make new keys: vouch keys api create",
    )
