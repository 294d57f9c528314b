"""JSON as we write it: canonical by RFC 8785, so that equal values have equal bytes.

RFC 8785 has no NaN, no infinity and no integer of 2^53 or more; those are written as strings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import rfc8785

LARGEST_EXACT_INTEGER = 2**53 - 1


def canonical_json(value: Any) -> bytes:
    """`value`, made of mappings, sequences, strings, numbers, booleans and None, as canonical JSON bytes."""
    return rfc8785.dumps(_representable(value))


def _representable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _representable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_representable(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_EXACT_INTEGER:
        return str(value)
    return value
