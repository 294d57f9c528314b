"""`trust.toml`: read strictly, and changed by whole lines so that what people wrote beside them stays.

A new key is put at the end, and a change of one is a line put into its `[[key]]` or replaced there. What comes out is
read again before it is written: a file in which that does not give exactly the wanted store is left as it is.
"""

from __future__ import annotations

import base64
import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from vouchml.errors import TrustStoreInvalid
from vouchml.trust.private_file import write_whole
from vouchml.trust.trust_store import RevokedModel, TrustedKey, TrustStore

_FILE_MODE: Final = 0o644  # public keys: for everybody to read
_LARGEST: Final = 4 * 1024 * 1024
_HEAD: Final = """\
# Whose signatures count, and for what. Keep this file in version control: a change of it is a change of who is trusted.
# Changed by vouch keys add, rotate and revoke. The private halves are in [trust] keys of vouch.toml, never here.
"""
_TABLES: Final[dict[str, type[BaseModel]]] = {"key": TrustedKey, "revoked_model": RevokedModel}
_A_HEADER: Final = re.compile(r"^\s*\[")
_A_FIELD: Final = re.compile(r"^\s*(\w+)\s*=")
_A_KEY_HEADER: Final = re.compile(r"^\s*\[\[\s*key\s*\]\]")


def read_trust_store(path: Path) -> TrustStore:
    """The trust store in `path`; an empty one when there is no such file.

    Raises:
        TrustStoreInvalid: the file cannot be read, is not TOML, or says something of a key that cannot be.
    """
    return parse_trust_store(_read(path), file=path.name)


@lru_cache(maxsize=8)  # read for every trace, and the same nearly always
def parse_trust_store(text: str, *, file: str = "trust.toml") -> TrustStore:
    """The trust store that `text` says; `file` is what it is called in errors.

    Raises:
        TrustStoreInvalid: as above.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrustStoreInvalid(
            f"{file} is not TOML: {error}.", remedy="Mend the line that is named, or take the file as it was before."
        ) from None
    try:
        return TrustStore(**values)
    except ValidationError as error:
        raise _told(error, file) from None


def with_key(path: Path, key: TrustedKey) -> TrustStore:
    """Add `key` at the end of `path`, which is made if it is not there, and give the store that it then says.

    Raises:
        TrustStoreInvalid: the file cannot be read, or what comes out would not be a trust store.
        FolderNotWritable: the file cannot be written.
    """
    lines = {
        "name": _text(key.name),
        "email": _text(key.email),
        "role": _text(key.role),
        "public_key": _text(base64.b64encode(key.public_key.der).decode("ascii")),
        "valid_from": _time(key.valid_from),
        **({"development": "true"} if key.development else {}),
    }
    return _changed(
        path,
        lambda text: _with_table(text, "key", lines),
        lambda store: store.model_copy(update={"key": (*store.key, key)}),
    )


def with_key_closed(path: Path, key_id: str, at: datetime) -> TrustStore:
    """Let the key `key_id` be valid until `at`. Errors as `with_key`."""
    return _changed_key(path, key_id, {"valid_to": (at, _time(at))})


def with_key_revoked(path: Path, key_id: str, at: datetime, reason: str) -> TrustStore:
    """Let the key `key_id` count no longer, from `at` on and before. Errors as `with_key`."""
    return _changed_key(path, key_id, {"revoked": (at, _time(at)), "revoked_reason": (reason, _text(reason))})


def with_model_revoked(path: Path, model: RevokedModel) -> TrustStore:
    """Add `model` to those that no service may load. Errors as `with_key`."""
    lines = {"digest": _text(model.digest), "time": _time(model.time), "reason": _text(model.reason)}
    return _changed(
        path,
        lambda text: _with_table(text, "revoked_model", lines),
        lambda store: store.model_copy(update={"revoked_model": (*store.revoked_model, model)}),
    )


def _changed_key(path: Path, key_id: str, changes: Mapping[str, tuple[Any, str]]) -> TrustStore:
    def wanted(store: TrustStore) -> TrustStore:
        update = {name: value for name, (value, _) in changes.items()}
        keys = (key.model_copy(update=update) if key.key_id == key_id else key for key in store.key)
        return store.model_copy(update={"key": tuple(keys)})

    number = [key.key_id for key in read_trust_store(path).key].index(key_id)
    return _changed(
        path, lambda text: _with_lines(text, number, {name: line for name, (_, line) in changes.items()}), wanted
    )


def _changed(path: Path, edit: Callable[[str], str], wanted: Callable[[TrustStore], TrustStore]) -> TrustStore:
    before = _read(path)
    after = edit(before or _HEAD)
    store = parse_trust_store(after, file=path.name)
    if store != wanted(parse_trust_store(before, file=path.name)):
        raise TrustStoreInvalid(
            f"{path.name} is written in a way that this command cannot change.",
            remedy="Write each key as a table of its own below [[key]], a line for each field, and try again.",
        )
    write_whole(path, after.encode("utf-8"), mode=_FILE_MODE)
    return store


def _with_table(text: str, name: str, lines: Mapping[str, str]) -> str:
    body = "".join(f"{field} = {value}\n" for field, value in lines.items())
    return f"{text.rstrip()}\n\n[[{name}]]\n{body}"


def _with_lines(text: str, number: int, lines: Mapping[str, str]) -> str:
    """`text` with each of `lines` replaced in the `[[key]]` of that number, or put below its `valid_from`."""
    parts = text.splitlines(keepends=True)
    headers = [index for index, line in enumerate(parts) if _A_KEY_HEADER.match(line)]
    if number >= len(headers):
        return text  # keys in another notation, which `_changed` notices
    begin = headers[number]
    end = next((index for index in range(begin + 1, len(parts)) if _A_HEADER.match(parts[index])), len(parts))
    places = {found[1]: index for index in range(begin, end) if (found := _A_FIELD.match(parts[index]))}
    new = "".join(f"{field} = {value}\n" for field, value in lines.items() if field not in places)
    for field in lines.keys() & places.keys():
        parts[places[field]] = f"{field} = {lines[field]}\n"
    last = places.get("valid_from", begin)
    parts[last] = parts[last].rstrip("\n") + "\n" + new
    return "".join(parts)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise TrustStoreInvalid(f"{path.name} is longer than 4 MiB.", remedy="Is this the file that was meant?")
        return content.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        what = (error.strerror or "the system refuses") if isinstance(error, OSError) else "it is not UTF-8"
        raise TrustStoreInvalid(f"{path.name} cannot be read: {what}.", remedy=f"Check {os.fspath(path)}.") from error


def _told(error: ValidationError, file: str) -> TrustStoreInvalid:
    first = error.errors(include_url=False, include_context=False)[0]
    table, number, field = (*first["loc"], None, None, None)[:3]
    entry = f"[[{table}]] {number + 1}" if isinstance(number, int) else f"[[{table}]]"
    if first["type"] == "extra_forbidden":
        name, known = (table, _TABLES) if field is None else (field, _TABLES[str(table)].model_fields)
        close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        place = f"{file}: " if field is None else f"{file}: {entry}: "
        return TrustStoreInvalid(f"{place}{str(name)!r} is not known.{hint}", remedy=f"Known: {', '.join(known)}.")
    problem = "is required" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
    place = ": ".join([file, *([entry] if table else []), *([str(field)] if field else [])])
    return TrustStoreInvalid(f"{place}: {problem}.", remedy="docs/keys.md says what stands in it.")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a TOML basic string, as long as nothing in it is unprintable


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
