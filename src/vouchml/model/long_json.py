"""Parse a long JSON text as `json.loads` does, piece by piece, and stop where it holds more than a request can need.

Python's parser takes a text in one go, and nobody else can run meanwhile: sixteen megabytes of brackets keep all
requests of a worker waiting for seconds. Here no piece is longer than `PIECE` characters, and others get their turn
between two. The document is the same, and so is what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined] # the stubs do not have it
from typing import Any, Final

from vouchml.errors import BodyMalformed, ContractBreach

PIECE: Final = 64 * 1024
_SHORT: Final = 256
_DEPTH: Final = 8
_KEYS_BESIDE: Final = 10_000
_SPACE: Final = re.compile(r"[ \t\n\r]*")
#: An error so near to the end of a piece may come from the cut: no token but a string is longer.
_TOKEN: Final = 12
_CLOSING: Final = {"[": "],", "{": "},"}

Scan = Callable[[str, int], tuple[Any, int]]
Pairs = Callable[[list[tuple[str, Any]]], dict[str, Any]]


@dataclass(frozen=True)
class Limits:
    """What a body can need: so many rows of so many cells each."""

    rows: int
    columns: int

    @property
    def keys(self) -> int:
        """The most keys of one object."""
        return self.columns + _KEYS_BESIDE

    def check_entries(self, entries: list[Any]) -> None:
        """Refuse an array that is longer than rows, columns or all cells of a request can be.

        Raises:
            ContractBreach: see there.
        """
        if len(entries) > self.rows and len(entries) > self.keys and isinstance(entries[-1], list | dict):
            raise ContractBreach(f"The request must bring 1 to {self.rows} rows.")
        if len(entries) > self.rows * self.columns + _KEYS_BESIDE:
            raise ContractBreach(f"The body holds more numbers than {self.rows} rows of this model have.")


def parse_long_json(text: str, scan: Scan, pairs: Pairs, limits: Limits) -> Any:
    """The document in `text`; `scan` parses one value, and `pairs` makes an object, as for `json.loads`.

    Raises:
        json.JSONDecodeError: it is not JSON.
        BodyMalformed: it is nested deeper than any request.
        ContractBreach: it holds more than `limits`.
    """
    reader = _Reader(text, scan, pairs, limits)
    value, end = reader.value(reader.after_space(0), depth=0)
    end = reader.after_space(end)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


class _Cut(Exception):
    """The piece ends within the value."""


class _Reader:
    def __init__(self, text: str, scan: Scan, pairs: Pairs, limits: Limits) -> None:
        self._text = text
        self._scan = scan
        self._pairs = pairs
        self._limits = limits

    def after_space(self, place: int) -> int:
        found = _SPACE.match(self._text, place)
        return found.end() if found else place

    def value(self, place: int, *, depth: int) -> tuple[Any, int]:
        """The value at `place`, and where it ends."""
        text = self._text
        kind = text[place : place + 1]
        if kind not in ("{", "["):
            return self._scalar(place)
        for size in (_SHORT, PIECE) if kind == "{" else (_SHORT,):
            try:
                value, end = self._piece(text[place : place + size], place)
            except _Cut:
                continue
            return value, place + end
        if depth >= _DEPTH:
            raise BodyMalformed("The body is nested deeper than any request.", remedy="Send one flat JSON object.")
        return self._object(place, depth) if kind == "{" else self._array(place, depth)

    def _scalar(self, place: int) -> tuple[Any, int]:
        try:
            return self._scan(self._text, place)
        except StopIteration as stop:
            raise json.JSONDecodeError("Expecting value", self._text, stop.value) from None

    def _piece(self, piece: str, place: int) -> tuple[Any, int]:
        """The value at the start of `piece`, which stands at `place`, and its length.

        Raises:
            _Cut: it goes on behind the piece.
        """
        try:
            return self._scan(piece, 0)
        except StopIteration as stop:
            message, wrong = "Expecting value", int(stop.value)
        except json.JSONDecodeError as error:
            message, wrong = error.msg, error.pos
        if message.startswith("Unterminated string") or wrong >= len(piece) - _TOKEN:
            raise _Cut
        raise json.JSONDecodeError(message, self._text, place + wrong)

    def _object(self, place: int, depth: int) -> tuple[dict[str, Any], int]:
        text, found = self._text, list[tuple[str, Any]]()
        place = self.after_space(place + 1)
        if text[place : place + 1] == "}":
            return self._pairs(found), place + 1
        while True:
            if text[place : place + 1] != '"':
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, place)
            key, place = scanstring(text, place + 1, True)
            place = self.after_space(place)
            if text[place : place + 1] != ":":
                raise json.JSONDecodeError("Expecting ':' delimiter", text, place)
            value, place = self.value(self.after_space(place + 1), depth=depth + 1)
            found.append((key, value))
            if len(found) > self._limits.keys:
                raise ContractBreach(f"An object in the body has more than {self._limits.keys} keys.")
            place = self.after_space(place)
            if text[place : place + 1] == "}":
                return self._pairs(found), place + 1
            place = self._after_comma(place)

    def _array(self, place: int, depth: int) -> tuple[list[Any], int]:
        text, entries = self._text, list[Any]()
        place, size = self.after_space(place + 1), PIECE
        while True:
            try:
                several, place, ended = self._several(place, size)
            except _Cut:
                # Not as plain as it looked: one at a time, and only some at once from then on.
                size = max(_SHORT, size // 8)
                entry, place = self.value(place, depth=depth + 1)
                entries.append(entry)
            else:
                size = min(PIECE, size * 2)
                entries += several
                if ended:
                    self._limits.check_entries(entries)
                    return entries, place
            self._limits.check_entries(entries)
            place = self.after_space(place)
            if text[place : place + 1] == "]":
                return entries, place + 1
            place = self._after_comma(place)
            if text[place : place + 1] == "]":
                raise json.JSONDecodeError("Expecting value", text, place)

    def _several(self, place: int, size: int) -> tuple[list[Any], int, bool]:
        """Entries of an array from `place` on, where they end, and whether the array ends there too."""
        text = self._text
        if place + size >= len(text):
            cut = len(text)
        else:
            closing = _CLOSING.get(text[place : place + 1], ",")
            cut = text.rfind(closing, place, place + size) + len(closing) - 1
        if cut <= place:
            raise _Cut
        entries, end = self._piece(f"[{text[place:cut]}]", place - 1)
        # The array may have ended by itself; then the bracket that was added is left over.
        ended = end < cut - place + 2
        if not ended and cut == len(text):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, cut)
        return entries, place - 1 + end if ended else cut, ended

    def _after_comma(self, place: int) -> int:
        if self._text[place : place + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", self._text, place)
        return self.after_space(place + 1)
