"""The target column: two classes, which are integers or text, and the names that `[data] labels` gives them.

Booleans are the integers 0 and 1; floats are integers when all of them are whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouchml.data.column import Column
from vouchml.data.findings import Finding, listed, nearest
from vouchml.data.source import Source
from vouchml.settings import DataSettings


def label_of(value: int | str, labels: Mapping[str, str]) -> str:
    """What a target value is called; a value without a name in `labels` is its own name."""
    return labels.get(str(value), str(value))


def target_values(target: Column) -> NDArray[Any]:
    """The target as int64, or as an object array of strings; only for a column without findings."""
    if target.kind == "text":
        return np.array(target.texts.to_pylist(), dtype=object)
    return target.numbers.astype(np.int64)


def target_findings(source: Source, target: Column, data: DataSettings) -> list[Finding]:
    """All that is wrong with the target, and with the labels and the positive class that `data` names for it."""
    findings = []
    missing = np.flatnonzero(target.missing)
    if len(missing) == len(target):
        return [Finding(f"the target {target.name!r} has no values", remedy=_CHOOSE_TARGET)]
    if len(missing):
        what = source.count(missing, "missing value")
        findings.append(Finding(f"the target {target.name!r} has {what}", remedy="Remove the rows without a target."))
    odd = _not_whole(source, target)
    return [*findings, odd] if odd else [*findings, *_class_findings(target, data)]


def _not_whole(source: Source, target: Column) -> Finding | None:
    """A target of numbers that are not classes: fractions, infinities, integers that float64 cannot hold."""
    present = np.flatnonzero(~target.missing)
    if target.kind != "number":
        return None
    numbers = target.numbers[present]
    rows = present[np.isinf(numbers) | (np.floor(numbers) != numbers)]
    if len(rows):
        what = source.count(rows, "non-integer")
        return Finding(f"the target {target.name!r} has {what}", remedy=_CHOOSE_TARGET)
    if np.abs(numbers).max() >= 2.0**53:
        return Finding(f"the target {target.name!r} has integers beyond 2^53", remedy=_CHOOSE_TARGET)
    return None


def _class_findings(target: Column, data: DataSettings) -> list[Finding]:
    classes = _classes(target)
    if len(classes) == 1:
        clause = f"the target {target.name!r} has one value only ({classes[0]!r}); a classifier needs two"
        return [Finding(clause, remedy="Use a table with both classes.")]
    if len(classes) > 2:
        clause = f"the target {target.name!r} has {len(classes)} classes ({listed(classes)}); vouchml is binary only"
        return [Finding(clause, remedy="Merge its values into two classes, or choose another [data] target.")]
    return _label_findings(classes, data)


def _classes(target: Column) -> list[int | str]:
    if target.kind == "text":
        return sorted(target.texts.drop_null().unique().to_pylist())
    return [int(value) for value in np.unique(target.numbers[~target.missing])]


def _label_findings(classes: Sequence[int | str], data: DataSettings) -> list[Finding]:
    findings = []
    values = [str(value) for value in classes]
    for name in data.labels:
        if name not in values:
            clause = f"[data] labels names {name!r}, which is not a value of the target{nearest(name, values)}"
            findings.append(Finding(clause, remedy=f"The target's values are {listed(classes)}."))
    labels = [label_of(value, data.labels) for value in classes]
    if labels[0] == labels[1]:
        clause = f"[data] labels calls both classes {labels[0]!r}"
        findings.append(Finding(clause, remedy="Give each class a name of its own."))
    if data.positive_class not in labels:
        clause = f"[data] positive_class {data.positive_class!r} is not a label{nearest(data.positive_class, labels)}"
        findings.append(Finding(clause, remedy=f"The labels are {listed(labels)}."))
    return findings


_CHOOSE_TARGET = "Choose a [data] target whose values are two classes: integers, booleans or text."
