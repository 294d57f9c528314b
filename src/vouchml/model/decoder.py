"""The contract as a compiled decoder: from bytes to ordered float64 vectors in about three microseconds a row.

At load the contract becomes msgspec types that know every name. msgspec is as strict as the contract but for three
things, each of which is seen afterwards and handed to `vouchml.model.request`, which judges and explains:

- a key that is named twice: msgspec takes the last. Every key takes two quotes, and so does the text of a category, so
  a body with more quotes than its keys and strings need is not taken (a quote within a string makes it so too, and
  costs only time);
- an integer that float64 cannot hold: values of 2^53 and more are looked at again;
- what is not a request id.

So whatever is taken here is what the slow decoder would have taken, bit for bit.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from types import GenericAlias
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from vouchml.model.cells import places_of
from vouchml.model.contract import Contract, Feature
from vouchml.model.long_json import PIECE
from vouchml.model.request import BatchRequest, PredictionRequest, decode_batch, decode_request, is_request_id
from vouchml.model.strict_json import FIRST_INEXACT

_UNSET: Final = msgspec.UNSET
_OPTIONAL: Any = str | msgspec.UnsetType


class RequestDecoder:
    """Decodes the bodies of one contract. Safe to call from several threads at once."""

    def __init__(self, contract: Contract, *, max_rows: int) -> None:
        self.contract = contract
        self.max_rows = max_rows
        self.ranges = Ranges(contract)
        features, self._cells = record_type(contract)
        within, _ = record_type(contract, within=self.ranges)
        self._one: Any = msgspec.json.Decoder(_one_of(features)).decode
        self._one_within: Any = msgspec.json.Decoder(_one_of(within)).decode
        self._many: Any = msgspec.json.Decoder(_many_of(features)).decode
        self._texts = np.array([feature.type == "category" for feature in contract.features])
        self._has_texts = contract.has_categories
        self._are_exact = _are_exact if contract.is_plain else _are_exact_or_null
        count = len(contract.features)
        self._quotes_of_a_row = 2 * count
        self._bounds = Bounds(contract, max_rows=max_rows)
        self._pack = struct.Struct(f"{count}d").pack

    def one(self, body: bytes) -> PredictionRequest:
        """Decode a body as `vouchml.model.request.decode_request` does.

        Raises:
            BodyMalformed, ContractBreach: see there.
        """
        in_range = True
        try:
            document = self._one_within(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            in_range = False
            try:
                document = self._one(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return decode_request(body, self.contract)
        request_id, explain, quotes = document.request_id, document.explain, self._quotes_of_a_row + 2
        if request_id is _UNSET:
            request_id = None
        elif is_request_id(request_id):
            quotes += 4
        else:
            return decode_request(body, self.contract)
        if explain is _UNSET:
            explain = False
        else:
            quotes += 2
        cells = self._cells(document.features)
        if cells is None or body.count(b'"') != quotes + (self._quotes_of_texts(cells) if self._has_texts else 0):
            return decode_request(body, self.contract)
        row: NDArray[np.float64] = np.frombuffer(self._pack(*cells))
        if not in_range and not self._are_exact(row):
            return decode_request(body, self.contract)
        return PredictionRequest(request_id, row, explain, in_range)

    def many(self, body: bytes) -> BatchRequest:
        """Decode a body as `vouchml.model.request.decode_batch` does.

        Raises:
            BodyMalformed, ContractBreach: see there.
        """
        if not self._bounds.hold(body):
            return decode_batch(body, self.contract, max_rows=self.max_rows)
        try:
            document = self._many(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return decode_batch(body, self.contract, max_rows=self.max_rows)
        request_id, count = document.request_id, len(document.rows)
        quotes = count * self._quotes_of_a_row + 2
        if request_id is _UNSET:
            request_id = None
        else:
            quotes += 4
        fits = 0 < count <= self.max_rows and (request_id is None or is_request_id(request_id))
        if not fits or (not self._has_texts and body.count(b'"') != quotes):
            return decode_batch(body, self.contract, max_rows=self.max_rows)
        rows = self._matrix(document.rows)
        if rows is None or not self._are_exact(rows):
            return decode_batch(body, self.contract, max_rows=self.max_rows)
        if self._has_texts and body.count(b'"') != quotes + self._quotes_of_texts(rows):
            return decode_batch(body, self.contract, max_rows=self.max_rows)
        return BatchRequest(request_id, rows)

    def _quotes_of_texts(self, cells: tuple[float, ...] | NDArray[np.float64]) -> int:
        """How many quotes stand around the categories; null has none."""
        return 2 * int(np.count_nonzero(~np.isnan(cells) & self._texts))

    def _matrix(self, records: list[Any]) -> NDArray[np.float64] | None:
        """The numbers of `records`, shape (records, features); None when one of them has other names."""
        cells = [self._cells(record) for record in records]
        if None in cells:
            return None
        columns = len(self.contract.features)
        flat = chain.from_iterable(cells)  # type: ignore[arg-type] # None was looked for
        return np.fromiter(flat, dtype=np.float64, count=len(records) * columns).reshape(len(records), columns)


class Bounds:
    """What a body with up to `max_rows` rows that each name their features can hold, and no more.

    Looked at before a long body is decoded in one go: that keeps all other requests waiting until it is done.
    """

    def __init__(self, contract: Contract, *, max_rows: int) -> None:
        self._most = {ord(mark): (max_rows + 1) * (1 + _marks_of_a_row(mark, contract)) for mark in "{["}

    def hold(self, body: bytes) -> bool:
        """Whether `body` may be one; only what is long is looked at."""
        if len(body) <= PIECE:
            return True
        marks = np.frombuffer(body, dtype=np.uint8)
        return all(int(np.count_nonzero(marks == mark)) <= most for mark, most in self._most.items())


def _marks_of_a_row(mark: str, contract: Contract) -> int:
    """How often `mark` can stand in the names and categories of a row."""
    texts = (max(text.count(mark) for text in feature.categories or ("",)) for feature in contract.features)
    return sum(name.count(mark) for name in contract.feature_names) + sum(texts)


class Ranges:
    """The range that each feature had in training. Null, which is NaN in a row, lies outside of none."""

    def __init__(self, contract: Contract) -> None:
        self.names = contract.feature_names
        self.minimum = np.array([feature.range[0] for feature in contract.features])
        self.maximum = np.array([feature.range[1] for feature in contract.features])

    def exact(self) -> Iterator[tuple[float, float]]:
        """The range of each feature, cut to where a float64 is also exactly the integer that was written."""
        largest = math.nextafter(FIRST_INEXACT, 0.0)
        for low, high in zip(self.minimum.tolist(), self.maximum.tolist(), strict=True):
            yield max(low, -largest), min(high, largest)

    def outside(self, row: NDArray[np.float64]) -> tuple[str, ...]:
        """The names of the features of `row` that lie outside, in order."""
        (positions,) = np.nonzero((row < self.minimum) | (row > self.maximum))
        return tuple(self.names[position] for position in positions)

    def count_outside(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many features lie outside in each of `rows`, shape (rows, features) → (rows,)."""
        return np.asarray(((rows < self.minimum) | (rows > self.maximum)).sum(axis=1), dtype=np.int64)


_CellsOf = Callable[[Any], "tuple[float, ...] | None"]


def record_type(contract: Contract, *, within: Ranges | None = None) -> tuple[Any, _CellsOf]:
    """A msgspec type for an object of the features of `contract`, and what takes its cells out in their order.

    With `within`, every number must also lie in its range, and so far from 2^53 that it is exactly what was written.
    """
    names = contract.feature_names
    numbers = [float for _ in names] if within is None else [_cell(*bounds) for bounds in within.exact()]
    cells = [_cell_of(feature, cell) for feature, cell in zip(contract.features, numbers, strict=True)]
    if any(not name.isprintable() or '"' in name or "\\" in name for name in names):
        # msgspec has no fields of such names; a dictionary takes any, so names and ranges are looked at afterwards.
        record: Any = GenericAlias(dict, (str, float if within is None and contract.is_plain else _NOTHING))
        return record, partial(_cells_of_dictionary, names)
    fields = {f"feature_{index}": name for index, name in enumerate(names)}
    types: list[tuple[str, Any]] = list(zip(fields, cells, strict=True))
    record = msgspec.defstruct("Record", types, rename=fields, forbid_unknown_fields=True)
    return record, astuple if contract.is_plain else partial(_encoded, _translations(contract))


_NOTHING: Any = Annotated[float, msgspec.Meta(gt=0.0, lt=0.0)]


def _cell(low: float, high: float) -> Any:
    return Annotated[float, msgspec.Meta(ge=low, le=high)]


def _cell_of(feature: Feature, number: Any) -> Any:
    # What is known when this runs cannot be written between brackets.
    cell: Any = number if feature.categories is None else Literal.__getitem__(feature.categories)
    return cell | None if feature.nullable else cell


def _translations(contract: Contract) -> tuple[tuple[int, Mapping[Any, float]], ...]:
    """What stands in a row for the texts and nulls of each feature that may have some, by its place."""
    return tuple(
        (index, {**places_of(feature), None: math.nan} if feature.nullable else places_of(feature))
        for index, feature in enumerate(contract.features)
        if feature.nullable or feature.categories is not None
    )


def _encoded(translations: tuple[tuple[int, Mapping[Any, float]], ...], record: Any) -> tuple[float, ...]:
    cells = list(astuple(record))
    for index, translation in translations:
        cell = cells[index]
        cells[index] = translation.get(cell, cell)
    return tuple(cells)


def _one_of(features: Any) -> Any:
    flag: Any = bool | msgspec.UnsetType
    return msgspec.defstruct(
        "One",
        [("features", features), ("request_id", _OPTIONAL, _UNSET), ("explain", flag, _UNSET)],
        forbid_unknown_fields=True,
    )


def _many_of(features: Any) -> Any:
    rows: Any = GenericAlias(list, (features,))
    return msgspec.defstruct("Many", [("rows", rows), ("request_id", _OPTIONAL, _UNSET)], forbid_unknown_fields=True)


def _cells_of_dictionary(names: tuple[str, ...], record: dict[str, float]) -> tuple[float, ...] | None:
    if len(record) != len(names):
        return None
    try:
        return tuple([record[name] for name in names])
    except KeyError:
        return None


def _are_exact(numbers: NDArray[np.float64]) -> bool:
    """Whether no integer can have been rounded, and nothing is infinite."""
    return bool(numbers.max() < FIRST_INEXACT and numbers.min() > -FIRST_INEXACT)


def _are_exact_or_null(numbers: NDArray[np.float64]) -> bool:
    """The same where NaN stands for null."""
    return not bool((np.abs(numbers) >= FIRST_INEXACT).any())
