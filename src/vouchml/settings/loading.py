"""Read the settings of a project: `vouch.toml`, with `VOUCH_<SECTION>__<KEY>` variables over it.

A key that is not a setting is an error that names the nearest one that is, and a wrong value is told with the variable
or the key that it comes from.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vouchml.errors import SettingsInvalid
from vouchml.settings.settings import ENVIRONMENT_PREFIX, Settings

SETTINGS_FILE = "vouch.toml"
SETTINGS_FILE_VARIABLE = "VOUCH_CONFIG"
MLFLOW_VARIABLE = "MLFLOW_TRACKING_URI"
_KINDS = {
    "missing": "is required",
    "model": "must be a section, with keys of its own",
    "model_attributes": "must be a section, with keys of its own",
    "int": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float": "must be a number",
    "finite_number": "must be a finite number",
    "bool": "must be true or false",
    "string": "must be a text",
    "tuple": "must be a list",
    "dict": "must be a table",
}
_BOUNDS = {
    "greater_than": "greater than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
}
_LISTS_AND_TABLES = (
    "data.labels",
    "data.exclude",
    "data.categorical",
    "data.nullable",
    "model.parameters",
    "policy.required_evidence",
    "policy.bounds",
    "policy.margins",
    "policy.slices",
    "policy.card_fields",
    "policy.approvals",
)


def load_settings(path: Path | None = None) -> Settings:
    """Read `path`, else the file named by `VOUCH_CONFIG`, else `vouch.toml` here, and the environment over it.

    Raises:
        SettingsInvalid: the file is missing or not TOML, a key is unknown, or a value is not allowed.
    """
    path = path or settings_path()
    return settings_from(_read_toml(path), file=path.name, root=path.resolve().parent)


def settings_path() -> Path:
    """The file named by `VOUCH_CONFIG`, else `vouch.toml` here; whether it is there or not."""
    return Path(os.environ.get(SETTINGS_FILE_VARIABLE, SETTINGS_FILE))


def settings_from(values: Mapping[str, Any], *, file: str, root: Path) -> Settings:
    """The settings `values`, which `file` holds, and the environment over them; relative paths start at `root`.

    Raises:
        SettingsInvalid: a key is unknown, or a value is not allowed.
    """
    _refuse_wrong_variables()
    if uri := os.environ.get(MLFLOW_VARIABLE):
        values = {**values, "project": {**_section(values, "project"), "tracking_uri": uri}}
    if "root" in values:
        raise _unknown_key(file, "root", Settings)
    return _validated({**values, "root": root}, file)


def setting_names() -> Iterator[str]:
    """Every setting as `section.key`, in the order of the file."""
    for section, field in Settings.model_fields.items():
        if section != "root":
            yield from (f"{section}.{key}" for key in _section_model(field.annotation).model_fields)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsInvalid(
            f"There is no {path.name} in {path.resolve().parent}.",
            remedy="Run the command in the project's folder, name the file with --config, "
            "or make one: vouch init TABLE.csv --target COLUMN",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} cannot be read: {_reason(error)}.", remedy="Check the file.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path} is not TOML: {error}.", remedy="Mend the line that is named.") from error


def _reason(error: Exception) -> str:
    return (error.strerror or "unreadable") if isinstance(error, OSError) else "it is not UTF-8"


def _section(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = values.get(name, {})
    return dict(section) if isinstance(section, Mapping) else {}


def _refuse_wrong_variables() -> None:
    known = {f"{ENVIRONMENT_PREFIX}{name.replace('.', '__').upper()}": name for name in setting_names()}
    tables = tuple(
        f"{ENVIRONMENT_PREFIX}{section.upper()}__"
        for section in (
            "data__labels",
            "model__parameters",
            "policy__bounds",
            "policy__margins",
            "policy__approvals",
            "serving__canary",
        )
    )
    for variable in os.environ:
        name = variable.upper()
        if not name.startswith(ENVIRONMENT_PREFIX) or name == SETTINGS_FILE_VARIABLE:
            continue
        if name not in known and not name.startswith(tables):
            raise SettingsInvalid(
                f"The environment variable {variable} is not a setting.{_nearest(name, known)}",
                remedy="Unset it, or write VOUCH_<SECTION>__<KEY>, such as VOUCH_SERVING__PORT.",
            )
        if known.get(name) in _LISTS_AND_TABLES and not _is_json(os.environ[variable]):
            raise SettingsInvalid(
                f"The environment variable {variable} is not JSON.",
                remedy='Write a list as ["a", "b"] and a table as {"0": "no", "1": "yes"}.',
            )


def _validated(values: dict[str, Any], file: str) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = [str(part) for part in first["loc"]]
        if first["type"] == "extra_forbidden":
            raise _unknown_key(file, ".".join(place), _model_at(place[:-1])) from None
        where = f"{file}: [{place[0]}] {'.'.join(place[1:])}".strip() if place else f"{file}: it"
        raise SettingsInvalid(
            f"{_variable_at(place) or where}: {_problem(first)}.",
            remedy="docs/settings.md lists every setting and what it takes.",
        ) from None


def _problem(error: ErrorDetails) -> str:
    """What is wrong, in our words; where we have none, in those of the one who checks, from the verb on."""
    context = error.get("ctx", {})
    kind = error["type"].removesuffix("_parsing").removesuffix("_type")
    if (words := _BOUNDS.get(error["type"])) is not None:
        return f"must be {words} {next(iter(context.values()))}"
    if error["type"] == "literal_error":
        return f"must be {context['expected']}"
    return _KINDS.get(kind) or error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")


def _variable_at(place: Sequence[str]) -> str:
    """The environment variable that gave the value at `place`, which is where it has to be mended, if one did."""
    wanted = ENVIRONMENT_PREFIX + "__".join(place[:2]).upper()
    found = next((name for name in os.environ if name.upper() == wanted), "")
    if not found and list(place) == ["project", "tracking_uri"] and os.environ.get(MLFLOW_VARIABLE):
        return MLFLOW_VARIABLE
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _unknown_key(file: str, dotted: str, model: type[BaseModel]) -> SettingsInvalid:
    *section, key = dotted.split(".")
    names = [name for name in model.model_fields if name != "root"]
    place = f"in [{'.'.join(section)}]" if section else "at the top"
    return SettingsInvalid(
        f"{file}: '{key}' {place} is not a setting.{_nearest(key, names)}",
        remedy=f"Known there: {', '.join(names)}.",
    )


def _nearest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def _model_at(place: list[str]) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for key in place:
        model = _section_model(model.model_fields[key].annotation)
    return model


def _section_model(annotation: Any) -> type[BaseModel]:
    model = annotation if isinstance(annotation, type) else get_args(annotation)[0]
    assert issubclass(model, BaseModel)  # noqa: S101 - every section is a model
    return model
