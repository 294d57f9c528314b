"""JSON as a door takes it: strict (RFC 8259), no key named twice, and no number that is not one.

What stands in a cell is judged here, for all doors alike. Nothing is coerced, and no error repeats a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any, Final

from vouchml.errors import BodyMalformed
from vouchml.model.long_json import PIECE, Limits, Scan, parse_long_json

NAMES_LISTED: Final = 50
CHARACTERS_OF_A_NAME: Final = 80
FIRST_INEXACT: Final = 2.0**53


class NotJson:
    """Stands for `NaN`, `Infinity` and `-Infinity`, which Python's parser knows and JSON does not."""


class _NamedTwice(Exception):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def parse_json(body: bytes, known: Collection[str], limits: Limits, *, nan_is_null: bool = False) -> Any:
    """The document in `body`; a key named twice may be repeated in the error only if it is one of `known`.

    A body that is long is parsed in pieces, and no further than `limits` allow. With `nan_is_null`, a bare `NaN` is
    read as null: Python's own encoder writes it for a gap in a table.

    Raises:
        BodyMalformed: the body is not one JSON value in UTF-8, or names a key twice.
        ContractBreach: a long body holds more than `limits`.
    """
    try:
        text = body.decode("utf-8")
        decoder = _DECODER_OF_NULLS if nan_is_null else _DECODER
        if len(text) > PIECE and not text.startswith("\ufeff"):
            scan: Scan = decoder.scan_once  # type: ignore[attr-defined] # the stubs do not have it
            return parse_long_json(text, scan, _object_of_unique_keys, limits)
        return json.loads(
            text, object_pairs_hook=_object_of_unique_keys, parse_constant=_null_or_not if nan_is_null else _not_json
        )
    except _NamedTwice as twice:
        raise BodyMalformed(
            f"The body names a key twice: '{twice.name}'." if twice.name in known else "The body names a key twice.",
            remedy="Send every key once.",
        ) from None
    except UnicodeDecodeError:
        raise BodyMalformed("The body is not UTF-8.", remedy="Send JSON encoded as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise BodyMalformed(
            f"The body is not JSON: line {error.lineno}, column {error.colno}.", remedy="Send one JSON object."
        ) from None
    except (RecursionError, ValueError):
        # ValueError: an integer longer than Python converts; RecursionError: nested deeper than Python follows.
        raise BodyMalformed("The body is not JSON that can be read.", remedy="Send one flat JSON object.") from None


def number(value: Any) -> float | str:
    """`value` as a float, or what is wrong with it."""
    if isinstance(value, bool):
        return "must be a number, not a boolean"
    if isinstance(value, int):
        try:
            converted = float(value)
        except OverflowError:
            return "must be a finite number"
        return converted if int(converted) == value else "is an integer that a 64-bit float cannot hold"
    if isinstance(value, float):
        return value if math.isfinite(value) else "must be a finite number"
    kinds = {str: "a string", type(None): "null", dict: "an object", list: "an array", NotJson: "NaN or Infinity"}
    return f"must be a number, not {kinds[type(value)]}"


def listed(names: list[str]) -> list[str]:
    """Names that the caller sent, shortened and made encodable, so that they can be shown back."""
    shown = [name[:CHARACTERS_OF_A_NAME].encode("utf-8", "replace").decode("utf-8") for name in names[:NAMES_LISTED]]
    return shown if len(names) <= NAMES_LISTED else [*shown, f"and {len(names) - NAMES_LISTED} more"]


def _not_json(_: str) -> NotJson:
    return NotJson()


def _null_or_not(text: str) -> NotJson | None:
    return None if text == "NaN" else NotJson()


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) == len(pairs):
        return unique
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _NamedTwice(name)
        seen.add(name)
    raise AssertionError("a shorter dictionary has a key twice")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object_of_unique_keys, parse_constant=_not_json)
_DECODER_OF_NULLS: Final = json.JSONDecoder(object_pairs_hook=_object_of_unique_keys, parse_constant=_null_or_not)
