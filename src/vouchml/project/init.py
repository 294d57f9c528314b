"""`vouch init`: write a commented `vouch.toml` that works, for a table that was never seen.

```python
write_project(inspect_table(Path("churn.csv"), target="left", positive=None), Path("vouch.toml"), force=False)
```
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from vouchml.errors import FolderNotWritable, SettingsInvalid
from vouchml.project.inspection import Inspection
from vouchml.project.toml_text import toml_lines, toml_string, toml_table
from vouchml.settings import PolicySettings

ESTIMATORS = ("logistic_regression", "hist_gradient_boosting", "random_forest")


def write_project(inspection: Inspection, file: Path, *, force: bool) -> str:
    """Write the settings for `inspection` to `file` and give their text.

    Raises:
        SettingsInvalid: `file` exists and `force` is not set.
        FolderNotWritable: `file` cannot be written.
    """
    text = project_text(inspection, file.resolve().parent)
    try:
        with file.open("w" if force else "x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError:
        raise _exists(file) from None
    except OSError as error:
        raise FolderNotWritable(
            f"{file} cannot be written: {error.strerror or 'no reason given'}.", remedy="Choose another folder."
        ) from error
    return text


def require_new(file: Path) -> None:
    """Find out before the work whether there is a project already.

    Raises:
        SettingsInvalid: `file` exists.
    """
    if file.exists():
        raise _exists(file)


def project_text(inspection: Inspection, folder: Path) -> str:
    """The text of a `vouch.toml` in `folder`."""
    name = registry_name(inspection.path.stem)
    sections = [
        _head(inspection),
        _project(inspection, name),
        _data(inspection, folder),
        _model(),
        _training(inspection),
        _serving(),
        _policy(inspection),
    ]
    return "\n".join("\n".join(lines) + "\n" for lines in sections)


def registry_name(stem: str) -> str:
    """A name for MLflow, made of the letters, digits, `_`, `-` and `.` of a file's name."""
    name = re.sub(r"[^\w.-]+", "_", stem).strip("._-")
    return name[:100] or "model"


def path_for(table: Path, folder: Path) -> str:
    """The table as `vouch.toml` in `folder` names it: relative, unless the two have nothing but the root in common."""
    table = table.resolve()
    try:
        shared = Path(os.path.commonpath([table, folder]))
    except ValueError:  # two drives
        return str(table)
    if shared == Path(shared.anchor):
        return str(table)
    return Path(os.path.relpath(table, folder)).as_posix()


def _exists(file: Path) -> SettingsInvalid:
    return SettingsInvalid(
        f"{file} exists already.", remedy="Write over it with --force, or name another file with --config."
    )


def _head(inspection: Inspection) -> list[str]:
    return [
        f"# Made by `vouch init` for {_inline(inspection.path.name)}. docs/settings.md says what each key means.",
        "# Next: `vouch up` trains, registers, promotes and serves it.",
    ]


def _project(inspection: Inspection, name: str) -> list[str]:
    return [
        "[project]",
        f"name = {toml_string(inspection.path.stem)}",
        f"registered_model = {toml_string(f'{name}_classifier')}",
        f"experiment = {toml_string(name)}",
        'stage = "Staging"',
    ]


def _data(inspection: Inspection, folder: Path) -> list[str]:
    counts = ", ".join(f"{_inline(label)} {count}" for label, count in _rows_by_label(inspection).items())
    lines = [
        "[data]",
        f"path = {toml_string(path_for(inspection.path, folder))}",
        f"target = {toml_string(inspection.target)}",
        f"# What each value of the target is called. Rows: {counts}.",
        f"labels = {toml_table(inspection.labels)}",
        f"# The label whose probability is served: {inspection.positive_reason}.",
        f"# To change it, write the other label here: {_inline(_other_label(inspection))}.",
        f"positive_class = {toml_string(inspection.positive_class)}",
        *_exclude(inspection),
        *_categorical(inspection),
        *_nullable(inspection),
        *_duplicates(inspection),
    ]
    if inspection.identifiers:
        names = ", ".join(_inline(name) for name in inspection.identifiers[:5])
        lines.append(f"# Another whole number in every row: {names}. If that is an identifier, add it to exclude.")
    return lines


def _exclude(inspection: Inspection) -> list[str]:
    if not inspection.left_out:
        return ["# Columns that are not features, such as an identifier; all columns can be.", "exclude = []"]
    reasons = [f"#   {_inline(column.name)} {column.reason}" for column in inspection.left_out]
    names = toml_lines(column.name for column in inspection.left_out)
    return ["# Columns that are not features:", *reasons, f"exclude = {names}"]


def _categorical(inspection: Inspection) -> list[str]:
    if not inspection.categorical:
        return []
    return [
        "# Text columns whose values are taken as categories; the service refuses other values.",
        "# Whole numbers that are names, such as codes, may be declared here too.",
        *[f"#   {_inline(column.name)} has {column.count} values" for column in inspection.categorical],
        f"categorical = {toml_lines(column.name for column in inspection.categorical)}",
    ]


def _nullable(inspection: Inspection) -> list[str]:
    if not inspection.nullable:
        return []
    return [
        "# Columns in which a value may be missing, here and in requests, where it is null.",
        *[f"#   {_inline(column.name)} has no value in {_rows(column.count)}" for column in inspection.nullable],
        f"nullable = {toml_lines(column.name for column in inspection.nullable)}",
    ]


def _duplicates(inspection: Inspection) -> list[str]:
    lines = []
    if inspection.conflicting:
        lines.append(f"# {_rows(inspection.conflicting)} share their features with a row of the other class.")
    if inspection.duplicates:
        lines.append(f"# {_rows(inspection.duplicates)} repeat an earlier one; only the first of them is used.")
        return [*lines, 'duplicates = "drop"']
    return [*lines, 'duplicates = "refuse"']


def _model() -> list[str]:
    return [
        "[model]",
        f"# One of: {', '.join(ESTIMATORS)}.",
        f"estimator = {toml_string(ESTIMATORS[0])}",
        "parameters = { C = 1.0, max_iter = 1000 }",
        "# The positive class is predicted when its probability is at least this.",
        "threshold = 0.5",
    ]


def _training(inspection: Inspection) -> list[str]:
    sizes = inspection.sizes
    few = [] if sizes.are_default else ["# Fitted to the few rows of the rarer class: more rows allow 0.2 and 5."]
    return [
        "[training]",
        *few,
        f"test_size = {sizes.test_size}",
        f"cv_folds = {sizes.cv_folds}",
        "random_state = 42",
    ]


def _serving() -> list[str]:
    return ["[serving]", "port = 8000", "mlflow_port = 5001"]


def _policy(inspection: Inspection) -> list[str]:
    """The defaults of the gate, unless no model could meet them on so few test rows."""
    default, size = PolicySettings(), inspection.sizes.test_size
    rarer = min(inspection.class_counts.values())
    rows, least = round(sum(inspection.class_counts.values()) * size), round(rarer * size)
    lines = ["[policy]", "# What the gate asks of a version before it may serve: docs/gates.md."]
    # One row of room: which rows are left when doubles are dropped is not known here.
    if rows - 1 >= default.minimum_rows and least - 1 >= max(default.minimum_positives, default.minimum_negatives):
        return [*lines, f"minimum_rows = {default.minimum_rows}"]
    return [
        *lines,
        f"# About {_rows(rows)} to test on, {least} of the rarer class, are too few to judge a model by, so this asks",
        f"# next to nothing. With {default.minimum_rows} and {default.minimum_positives} or more, remove these lines.",
        "minimum_rows = 2",
        "minimum_positives = 1",
        "minimum_negatives = 1",
        "bounds = {}",
        "margins = {}",
    ]


def _rows_by_label(inspection: Inspection) -> dict[str, int]:
    return {inspection.labels[value]: count for value, count in inspection.class_counts.items()}


def _other_label(inspection: Inspection) -> str:
    return next(label for label in inspection.labels.values() if label != inspection.positive_class)


def _inline(text: str) -> str:
    """A name inside a comment, where a line end would end the comment."""
    return toml_string(text)


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"
