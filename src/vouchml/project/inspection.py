"""Look at a table that was never seen: its possible features, the classes of its target, and what to warn of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vouchml.data import Table, read_table, split_rows
from vouchml.data.column import Column
from vouchml.data.findings import listed, nearest
from vouchml.data.source import Source, read_source
from vouchml.data.target import target_values
from vouchml.data.unseen import unseen
from vouchml.errors import SettingsInvalid, TableInvalid
from vouchml.project.sizing import Sizes, fitting_sizes
from vouchml.settings import DataSettings

_CONSTANT = "has the same value in every row"
# Text of more values, or with fewer rows for each, is more often a name or free text than a category.
_MOST_CATEGORIES = 50
_ROWS_A_CATEGORY = 5
_POSITIVE_WORDS = frozenset({"true", "yes", "y", "t", "positive", "pos", "+"})


@dataclass(frozen=True)
class LeftOut:
    """A column that is not a feature, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Declared:
    """A feature column that has to be declared, and how many categories or missing values it has."""

    name: str
    count: int


@dataclass(frozen=True)
class Inspection:
    """What there is to know about a table before its first training.

    `categorical` are text columns of few values, `nullable` columns with gaps. `identifiers` are feature columns that
    have another whole number in each row: perhaps numbers of the rows.
    """

    path: Path
    target: str
    labels: dict[str, str]
    positive_class: str
    positive_reason: str
    left_out: tuple[LeftOut, ...]
    duplicates: int
    conflicting: int
    identifiers: tuple[str, ...]
    class_counts: dict[str, int]
    features: int
    sizes: Sizes
    categorical: tuple[Declared, ...] = ()
    nullable: tuple[Declared, ...] = ()


def inspect_table(path: Path, *, target: str, positive: str | None, exclude: Sequence[str] = ()) -> Inspection:
    """Read the table at `path` and find settings under which it can be trained on.

    Raises:
        TableUnreadable: there is no table.
        TableInvalid: the target is not two classes, no column can be a feature, or there are too few rows.
        SettingsInvalid: `target`, `positive` or `exclude` names what the table does not have.
    """
    source = read_source(path)
    columns = {column.name: column for column in reversed(source.columns)}
    names = [column.name for column in source.columns]
    for option, name in [("--target", target), *(("--exclude", name) for name in exclude)]:
        if name not in columns:
            raise SettingsInvalid(
                f"{source.file} has no column {name!r}{nearest(name, names)}, which {option} names.",
                remedy=f"Its columns are {listed(names)}.",
            )
    classes = _classes(columns[target])
    labels = _labels(columns[target], classes)
    guess, reason = _positive(columns[target], classes, labels)
    if positive is not None:
        guess, reason = _asked(positive, labels), "as --positive says"
    data = DataSettings(path=str(path), target=target, labels=labels, positive_class=guess, duplicates="drop")
    table, sizes, left_out = _usable(path, source, data, asked=exclude)
    return Inspection(
        path=path,
        target=target,
        labels=labels,
        positive_class=guess,
        positive_reason=reason,
        left_out=left_out,
        duplicates=table.report.duplicates_dropped,
        conflicting=table.report.conflicting_rows,
        identifiers=tuple(_identifiers(table)),
        class_counts=dict(table.report.class_counts),
        features=len(table.names),
        sizes=sizes,
        categorical=tuple(Declared(name, len(texts)) for name, texts in table.categories.items()),
        nullable=tuple(Declared(name, int(columns[name].missing.sum())) for name in table.nullable),
    )


def _usable(
    path: Path, source: Source, data: DataSettings, *, asked: Sequence[str]
) -> tuple[Table, Sizes, tuple[LeftOut, ...]]:
    """The table with all that can be features, the sizes that its split takes, and what cannot.

    What a column lacks among the training rows is known once they are drawn, which leaving it out may draw anew.
    """
    left_out = _left_out(source, target=data.target, asked=asked)
    while True:
        table = _readable(path, _declared(source, data, left_out), left_out)
        sizes = fitting_sizes(sorted(table.report.class_counts.values()))
        split = split_rows(table, test_size=sizes.test_size, random_state=42)
        lacking = [LeftOut(name, what) for name, what in unseen(table, split)]
        if not lacking:
            return table, sizes, tuple(left_out)
        left_out += lacking


def _declared(source: Source, data: DataSettings, left_out: Sequence[LeftOut]) -> DataSettings:
    """The settings with every column declared as what it is."""
    exclude = tuple(column.name for column in left_out)
    features = [column for column in source.columns if column.name not in (*exclude, data.target)]
    return data.model_copy(
        update={
            "exclude": exclude,
            "categorical": tuple(column.name for column in features if column.kind == "text"),
            "nullable": tuple(column.name for column in features if column.missing.any()),
        }
    )


def _readable(path: Path, data: DataSettings, left_out: Sequence[LeftOut]) -> Table:
    """Read the table as the trainer will; what is still wrong then cannot be left out."""
    try:
        return read_table(path, data)
    except TableInvalid as error:
        if "there are no feature columns" in error.message:
            reasons = "; ".join(f"{column.name!r} {column.reason}" for column in left_out[:5])
            raise TableInvalid(
                f"{error.message} Left out: {reasons}{' and more' if len(left_out) > 5 else ''}.",
                remedy="vouchml takes numbers, and texts of few values each: mend some of these first.",
            ) from None
        raise


def _left_out(source: Source, *, target: str, asked: Sequence[str]) -> list[LeftOut]:
    found = []
    for column in source.columns:
        reason = "was named with --exclude" if column.name in asked else _unfit(source, column)
        if reason and column.name != target:
            found.append(LeftOut(column.name, reason))
    return found


def _unfit(source: Source, column: Column) -> str:  # noqa: PLR0911 - one for each reason
    """Why `column` cannot be a feature; an empty string when it can."""
    if not column.name.strip():
        return "has no name"
    if column.name.startswith("__index_level_"):
        return "is an index that pandas saved"
    if column.missing.all():
        return "has no values"
    if column.kind == "text":
        return _unfit_text(column)
    infinite = np.flatnonzero(np.isinf(column.numbers))
    if len(infinite):
        return f"has {source.count(infinite, 'infinite value')}"
    if column.inexact:
        return f"has {source.count(column.inexact, 'integer')} that a 64-bit float would round"
    return _CONSTANT if len(column) > 1 and not np.ptp(column.numbers) else ""


def _unfit_text(column: Column) -> str:
    """Why texts cannot be categories, or are probably none; an empty string when they are taken as such."""
    texts = column.texts.drop_null()
    values = texts.unique()
    if not all(text.strip() for text in values.to_pylist()):
        return "has blank texts"
    if len(values) == 1 and len(texts) == len(column) > 1:
        return _CONSTANT
    if len(values) > _MOST_CATEGORIES or len(texts) < _ROWS_A_CATEGORY * len(values):
        return f"is not numeric and has {len(values)} different texts; if these are categories, list it in categorical"
    return ""


def _classes(target: Column) -> list[int | str]:
    """The target's values when there are two that can be classes, else nothing: the trainer's reading says why."""
    if target.missing.any() or not len(target):
        return []
    if target.kind == "number" and not all(number.is_integer() for number in target.numbers.tolist()):
        return []
    values = sorted(set(target_values(target).tolist()))
    return values if len(values) == 2 else []


def _labels(target: Column, classes: Sequence[int | str]) -> dict[str, str]:
    if target.kind == "boolean":
        return {str(value): "true" if value else "false" for value in classes}
    return {str(value): str(value) for value in classes}


def _positive(target: Column, classes: Sequence[int | str], labels: dict[str, str]) -> tuple[str, str]:
    if not classes:
        return "", ""
    if target.kind != "text" and classes[1] == 1 and classes[0] in (0, -1):
        return labels["1"], "a guess: 1 usually stands for it"
    words = [value for value in classes if str(value).strip().casefold() in _POSITIVE_WORDS]
    if len(words) == 1:
        return labels[str(words[0])], "a guess by its name"
    values = target_values(target).tolist()
    counts = [values.count(value) for value in classes]
    if counts[0] == counts[1]:
        return labels[str(classes[1])], "a guess: both classes are equally frequent, this is the second"
    return labels[str(classes[counts.index(min(counts))])], "a guess: it is the rarer class"


def _asked(positive: str, labels: dict[str, str]) -> str:
    if labels and positive not in labels and positive not in labels.values():
        raise SettingsInvalid(
            f"--positive {positive!r} is not a value of the target{nearest(positive, labels)}.",
            remedy=f"Its values are {listed(labels)}.",
        )
    return labels.get(positive, positive)


def _identifiers(table: Table) -> list[str]:
    rows = len(table.values)
    return [
        name
        for name, cells, column in zip(table.names, table.values.T, table.report.ranges, strict=True)
        if rows > 20 and column.distinct == rows and column.categories is None and not np.mod(cells, 1).any()
    ]
