"""What is wrong with a table, gathered so that one error names all of it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vouchml.errors import TableInvalid
from vouchml.settings import DataSettings

_MOST = 10
_MEANT = {
    "categorical": "Where texts are meant as categories:",
    "nullable": "Where values may be missing:",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a clause that says what and where, and what to do.

    `columns` are feature columns that could be left out instead, `declare` the setting that would allow what they have.
    """

    clause: str
    remedy: str = ""
    columns: tuple[str, ...] = ()
    declare: Literal["", "categorical", "nullable"] = ""


def table_invalid(file: str, findings: Sequence[Finding], data: DataSettings) -> TableInvalid:
    """One error for all findings about `file`, which was read as `data` says."""
    remedies = list(dict.fromkeys(finding.remedy for finding in findings if finding.remedy))
    for setting, declared in (("categorical", data.categorical), ("nullable", data.nullable)):
        if names := [name for finding in findings if finding.declare == setting for name in finding.columns]:
            remedies.append(f"{_MEANT[setting]} [data] {setting} = {_as_toml([*declared, *names])}.")
    if columns := [name for finding in findings for name in finding.columns]:
        remedies.append(f"Mend the columns, or leave them out: [data] exclude = {_as_toml([*data.exclude, *columns])}")
    return TableInvalid(f"{file}: {'; '.join(finding.clause for finding in findings)}.", remedy=" ".join(remedies))


def capped(findings: Sequence[Finding], more: str) -> list[Finding]:
    """The first ten findings of one kind, and one that says of how many more columns `more` is true."""
    hidden = findings[_MOST:]
    if not hidden:
        return list(findings)
    clause = f"{len(hidden)} more column{'' if len(hidden) == 1 else 's'} {more}"
    columns = tuple(name for finding in hidden for name in finding.columns)
    return [*findings[:_MOST], Finding(clause, columns=columns, declare=hidden[0].declare)]


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'target'?)` when one of `known` resembles `name`, else nothing."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    return f" (did you mean {by_folded[close[0]]!r}?)" if close else ""


def listed(values: Iterable[object]) -> str:
    """The values in a row, the first ten of them."""
    values = list(values)
    shown = ", ".join(repr(value) for value in values[:_MOST])
    return f"{shown} and {len(values) - _MOST} more" if len(values) > _MOST else shown


def _as_toml(names: Iterable[str]) -> str:
    return json.dumps(list(dict.fromkeys(names)), ensure_ascii=False)
