"""What column names must be: unique, present, and known when the settings name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vouchml.data.findings import Finding, listed, nearest
from vouchml.data.source import Source
from vouchml.settings import DataSettings

_PANDAS_INDEX = "__index_level_"


def header_findings(source: Source, data: DataSettings) -> list[Finding]:
    """All that is wrong with the columns' names, and with the names in the settings."""
    names = [column.name for column in source.columns]
    findings = []
    for name, times in Counter(names).items():
        if times > 1:
            findings.append(Finding(f"{times} columns are named {name!r}", remedy="Give each column its own name."))
    for position, name in enumerate(names, start=1):
        if (not name.strip() or name.startswith(_PANDAS_INDEX)) and name not in data.exclude:
            clause = f"column {position} is a saved index" if name.strip() else f"column {position} has no name"
            findings.append(Finding(clause, columns=(name,)))
    if data.target not in names:
        clause = f"there is no target column {data.target!r}{nearest(data.target, names)}"
        findings.append(Finding(clause, remedy=f"Set [data] target to one of the columns: {listed(names)}."))
    for name in data.exclude:
        if name not in names:
            clause = f"[data] exclude names {name!r}, which is not a column{nearest(name, names)}"
            findings.append(Finding(clause, remedy="Correct [data] exclude."))
    findings += _declared("categorical", data.categorical, names, data)
    findings += _declared("nullable", data.nullable, names, data)
    if all(name == data.target or name in data.exclude for name in names):
        findings.append(Finding("there are no feature columns", remedy="Leave some columns in."))
    if not len(source.row_numbers):
        findings.append(Finding("there is a header but no rows", remedy="Check that the file was written completely."))
    return findings


def _declared(setting: str, declared: Sequence[str], names: Sequence[str], data: DataSettings) -> list[Finding]:
    """What is declared of columns that are no features, which would change nothing."""
    features = [name for name in names if name != data.target and name not in data.exclude]
    clauses = [
        f"[data] {setting} names {name!r}, which is {_instead(name, names, data)}"
        for name in declared
        if name not in features
    ]
    return [Finding(clause, remedy=f"Correct [data] {setting}.") for clause in clauses]


def _instead(name: str, names: Sequence[str], data: DataSettings) -> str:
    if name not in names:
        return f"not a column{nearest(name, names)}"
    return "the target" if name == data.target else "left out"
