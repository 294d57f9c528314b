"""Decode a request body into an ordered vector, exactly as the contract has it.

Strict JSON (RFC 8259): a key named twice is refused, and so is every value that is not a finite number. Nothing is
coerced, defaulted or dropped, and no error repeats a value.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import BodyMalformed, ContractBreach, InvalidFeature
from vouchml.model.contract import Contract

REQUEST_ID_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,128}$"
NAMES_LISTED: Final = 50
CHARACTERS_OF_A_NAME: Final = 80
NAMES_COMPARED: Final = 5


@dataclass(frozen=True)
class PredictionRequest:
    """A request that fits the contract. `row` has the shape (1, features), float64."""

    request_id: str | None
    row: NDArray[np.float64]


class _NotJson:
    """Stands for `NaN`, `Infinity` and `-Infinity`, which Python's parser knows and JSON does not."""


class _NamedTwice(Exception):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def decode_request(body: bytes, contract: Contract) -> PredictionRequest:
    """Decode `{"request_id"?: str, "features": {name: number}}`.

    Raises:
        BodyMalformed: the body is not JSON, or names a key twice.
        ContractBreach: a key is missing, extra or has a value that the contract does not allow.
    """
    document = _parse(body, contract)
    if not isinstance(document, dict):
        raise ContractBreach("The body must be a JSON object with the key 'features'.", missing=["features"])
    unknown = [name for name in document if name not in ("features", "request_id")]
    absent = ["features"] if "features" not in document else []
    if unknown or absent:
        raise ContractBreach(
            "At the top level the body must have 'features', may have 'request_id', and nothing else.",
            missing=absent,
            extra=_listed(unknown),
        )
    request_id = document.get("request_id")
    if "request_id" in document and not (isinstance(request_id, str) and re.fullmatch(REQUEST_ID_PATTERN, request_id)):
        problem = "must be a string of 1 to 128 letters, digits and . _ : -"
        raise ContractBreach(
            f"'request_id' {problem}.", invalid=[InvalidFeature(feature="request_id", problem=problem)]
        )
    features = document["features"]
    if not isinstance(features, dict):
        problem = "must be an object of feature names and numbers"
        raise ContractBreach(f"'features' {problem}.", invalid=[InvalidFeature(feature="features", problem=problem)])
    return PredictionRequest(request_id=request_id, row=_row(features, contract))


def _parse(body: bytes, contract: Contract) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_object_of_unique_keys, parse_constant=lambda _: _NotJson()
        )
    except _NamedTwice as twice:
        known = [twice.name] if twice.name in (*contract.feature_names, "features", "request_id") else []
        raise BodyMalformed(
            f"The body names a key twice: '{known[0]}'." if known else "The body names a key twice.",
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


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique: dict[str, Any] = {}
    for name, value in pairs:
        if name in unique:
            raise _NamedTwice(name)
        unique[name] = value
    return unique


def _row(features: Mapping[str, Any], contract: Contract) -> NDArray[np.float64]:
    names = contract.feature_names
    missing = [name for name in names if name not in features]
    known = set(names)
    extra = [name for name in features if name not in known]
    numbers: list[float] = []
    invalid: list[InvalidFeature] = []
    for name in names:
        if name in features:
            number = _number(features[name])
            if isinstance(number, float):
                numbers.append(number)
            else:
                invalid.append(InvalidFeature(feature=name, problem=number))
    if missing or extra or invalid:
        raise ContractBreach(_summary(missing, extra, invalid), missing=missing, extra=_listed(extra), invalid=invalid)
    return np.array([numbers], dtype=np.float64)


def _number(value: Any) -> float | str:
    """`value` as a float, or what is wrong with it."""
    if isinstance(value, bool):
        return "must be a number, not a boolean"
    if isinstance(value, int):
        try:
            number = float(value)
        except OverflowError:
            return "must be a finite number"
        return number if int(number) == value else "is an integer that a 64-bit float cannot hold"
    if isinstance(value, float):
        return value if math.isfinite(value) else "must be a finite number"
    kinds = {str: "a string", type(None): "null", dict: "an object", list: "an array", _NotJson: "NaN or Infinity"}
    return f"must be a number, not {kinds[type(value)]}"


def _listed(names: list[str]) -> list[str]:
    """Names that the caller sent, shortened and made encodable, so that they can be shown back."""
    shown = [name[:CHARACTERS_OF_A_NAME].encode("utf-8", "replace").decode("utf-8") for name in names[:NAMES_LISTED]]
    return shown if len(names) <= NAMES_LISTED else [*shown, f"and {len(names) - NAMES_LISTED} more"]


def _summary(missing: list[str], extra: list[str], invalid: list[InvalidFeature]) -> str:
    counts = [
        f"{len(names)} {word}"
        for names, word in ((missing, "missing"), (extra, "extra"), (invalid, "invalid"))
        if names
    ]
    # Only where a slip of the pen is likely: comparing many long names takes seconds that others would wait for.
    likely = len(missing) <= NAMES_COMPARED and len(extra) <= NAMES_COMPARED
    meant = {
        name
        for sent in (extra if likely else ())
        for name in difflib.get_close_matches(sent[:CHARACTERS_OF_A_NAME], missing, n=1, cutoff=0.8)
    }
    hint = f" Did you mean {', '.join(repr(name) for name in sorted(meant))}?" if meant else ""
    return f"The features do not fit the contract: {', '.join(counts)}.{hint}"
