"""JSON that was signed, or holds a signature: read so that no two readers can take it for different things.

Refused are a key that stands twice, `NaN` and infinities, halves of surrogate pairs, what is not UTF-8, and what is
too long or too deep to follow. What is wrong is told without repeating any of it.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

LARGEST: Final = 16 * 1024 * 1024


def read_object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`.

    Raises:
        ValueError: it is not one; the message says why, to stand after the name of the thing.
    """
    if len(data) > LARGEST:
        raise ValueError("is longer than 16 MiB")
    try:
        text = data.decode("utf-8")
        document = json.loads(
            text, object_pairs_hook=_of_unique_keys, parse_constant=_no_number, parse_float=_finite_number
        )
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except _Refused as refused:
        raise ValueError(str(refused)) from None
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - one kind of error for the caller
    return document


class _Refused(Exception):
    pass


def _of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise _Refused("names a key twice")
    return unique


def _no_number(_: str) -> None:
    raise _Refused("holds a number that is not one")


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused("holds a number that is not finite")
    return value
