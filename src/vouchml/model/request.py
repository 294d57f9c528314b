"""Decode a request body into ordered vectors, exactly as the contract has it.

This is the rule and the authority: it takes its time, and lists all that is wrong. `vouchml.model.decoder` takes the
bodies that are right in a fraction of it, and hands on everything else to here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vouchml.errors import ContractBreach, InvalidFeature
from vouchml.model.cells import Encode, encoders
from vouchml.model.contract import Contract
from vouchml.model.long_json import Limits
from vouchml.model.strict_json import CHARACTERS_OF_A_NAME, listed, parse_json

REQUEST_ID_PATTERN: Final = r"^[A-Za-z0-9._:-]{1,128}$"
NAMES_COMPARED: Final = 5
BREACHES_LISTED: Final = 50

_REQUEST_ID: Final = re.compile(REQUEST_ID_PATTERN.removesuffix("$") + r"\Z")
_ONE: Final = ("features", "request_id", "explain")
_MANY: Final = ("rows", "request_id")


@dataclass(eq=False, slots=True)
class PredictionRequest:
    """A request for one row that fits the contract. `row` has the shape (features,), float64.

    `in_range` is true when every feature certainly lies in the range that it had in training.
    """

    request_id: str | None
    row: NDArray[np.float64]
    explain: bool = False
    in_range: bool = False


@dataclass(frozen=True, eq=False)
class BatchRequest:
    """A request for several rows that fit the contract. `rows` has the shape (rows, features), float64."""

    request_id: str | None
    rows: NDArray[np.float64]


def is_request_id(text: str) -> bool:
    """Whether `text` may name a request."""
    return _REQUEST_ID.match(text) is not None


def decode_request(body: bytes, contract: Contract) -> PredictionRequest:
    """Decode `{"features": {name: value}, "request_id"?: str, "explain"?: bool}`.

    Raises:
        BodyMalformed: the body is not JSON, or names a key twice.
        ContractBreach: a key is missing, extra or has a value that the contract does not allow.
    """
    limits = Limits(1, len(contract.features))
    document = _envelope(parse_json(body, (*contract.feature_names, *_ONE), limits), required="features", known=_ONE)
    explain = document.get("explain", False)
    if not isinstance(explain, bool):
        raise _breach_of("explain", "must be true or false")
    features = document["features"]
    if not isinstance(features, dict):
        raise _breach_of("features", "must be an object of feature names and values")
    return PredictionRequest(request_id=document.get("request_id"), row=_row(features, contract), explain=explain)


def decode_batch(body: bytes, contract: Contract, *, max_rows: int) -> BatchRequest:
    """Decode `{"rows": [{name: value}, …], "request_id"?: str}`, of at most `max_rows` rows.

    Raises:
        BodyMalformed, ContractBreach: as `decode_request`; a row is named by its place, such as `rows[3].age`.
    """
    limits = Limits(max_rows, len(contract.features))
    document = _envelope(parse_json(body, (*contract.feature_names, *_MANY), limits), required="rows", known=_MANY)
    rows = document["rows"]
    if not isinstance(rows, list) or not rows or len(rows) > max_rows:
        raise _breach_of("rows", f"must be an array of 1 to {max_rows} objects of feature names and values")
    return BatchRequest(request_id=document.get("request_id"), rows=decode_records(rows, contract, place="rows"))


def decode_records(records: Sequence[Any], contract: Contract, *, place: str) -> NDArray[np.float64]:
    """The rows of a list of objects, shape (rows, features); `place` is what the body calls the list.

    Raises:
        ContractBreach: with the first `BREACHES_LISTED` names of each kind, each after its row.
    """
    encoded = dict(zip(contract.feature_names, encoders(contract), strict=True))
    matrix = np.empty((len(records), len(encoded)))
    missing: list[str] = []
    extra: list[str] = []
    invalid: list[InvalidFeature] = []
    for index, record in enumerate(records):
        where = f"{place}[{index}]"
        if not isinstance(record, dict):
            invalid.append(InvalidFeature(where, "must be an object of feature names and values"))
            if len(invalid) > BREACHES_LISTED:
                break
            continue
        numbers, absent, unknown, wrong = _cells(record, encoded)
        missing += [f"{where}.{name}" for name in absent]
        extra += [f"{where}.{name}" for name in listed(unknown)]
        invalid += [InvalidFeature(f"{where}.{entry.feature}", entry.problem) for entry in wrong]
        if not (absent or unknown or wrong):
            matrix[index] = numbers
        elif max(len(missing), len(extra), len(invalid)) > BREACHES_LISTED:
            break
    if missing or extra or invalid:
        raise breach(missing, extra, invalid)
    return matrix


def breach(missing: list[str], extra: list[str], invalid: list[InvalidFeature]) -> ContractBreach:
    """The error for features that do not fit; a name that is nearly right is suggested."""
    return ContractBreach(
        _summary(missing, extra, invalid),
        missing=missing[:BREACHES_LISTED],
        extra=extra[:BREACHES_LISTED],
        invalid=invalid[:BREACHES_LISTED],
    )


def _envelope(document: Any, *, required: str, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ContractBreach(f"The body must be a JSON object with the key '{required}'.", missing=[required])
    unknown = [name for name in document if name not in known]
    absent = [required] if required not in document else []
    if unknown or absent:
        optional = " and ".join(f"'{name}'" for name in known if name != required)
        raise ContractBreach(
            f"At the top level the body must have '{required}', may have {optional}, and nothing else.",
            missing=absent,
            extra=listed(unknown),
        )
    request_id = document.get("request_id")
    if "request_id" in document and not (isinstance(request_id, str) and is_request_id(request_id)):
        raise _breach_of("request_id", "must be a string of 1 to 128 letters, digits and . _ : -")
    return document


def _breach_of(key: str, problem: str) -> ContractBreach:
    return ContractBreach(f"'{key}' {problem}.", invalid=[InvalidFeature(feature=key, problem=problem)])


def _row(features: Mapping[str, Any], contract: Contract) -> NDArray[np.float64]:
    encoded = dict(zip(contract.feature_names, encoders(contract), strict=True))
    numbers, missing, extra, invalid = _cells(features, encoded)
    if missing or extra or invalid:
        raise ContractBreach(_summary(missing, extra, invalid), missing=missing, extra=listed(extra), invalid=invalid)
    return np.array(numbers, dtype=np.float64)


def _cells(
    features: Mapping[str, Any], encoded: Mapping[str, Encode]
) -> tuple[list[float], list[str], list[str], list[InvalidFeature]]:
    """What stands in the row in the order of `encoded`, and the names that are missing, extra and invalid."""
    missing = [name for name in encoded if name not in features]
    extra = [name for name in features if name not in encoded]
    numbers: list[float] = []
    invalid: list[InvalidFeature] = []
    for name, encode in encoded.items():
        if name in features:
            cell = encode(features[name])
            if isinstance(cell, float):
                numbers.append(cell)
            else:
                invalid.append(InvalidFeature(feature=name, problem=cell))
    return numbers, missing, extra, invalid


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
