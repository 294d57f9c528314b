"""Write docs/cli.md, docs/settings.md and docs/errors.md from the code, so that they cannot be out of date.

`--check` writes nothing and exits with 1 when a file is not what it would write, naming it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from pydantic import SecretStr

from vouchml import errors
from vouchml.cli.main import app
from vouchml.settings import Section, Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = "<!-- Made by scripts/write_references.py (`make docs`). Do not edit. -->"


def main() -> None:
    """Write the references, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is stale")
    check = parser.parse_args().check
    stale = [name for name, text in references().items() if _read(DOCS / name) != text]
    if check and stale:
        sys.exit(f"stale: {', '.join(f'docs/{name}' for name in stale)}. Run: make docs")
    for name in stale:
        (DOCS / name).write_text(references()[name], encoding="utf-8")
        print(f"wrote docs/{name}")


def references() -> dict[str, str]:
    """The text of each reference by its file's name."""
    return {"cli.md": cli_reference(), "settings.md": settings_reference(), "errors.md": errors_reference()}


def cli_reference() -> str:
    """Every command with its arguments and options, as the commands themselves declare them."""
    root = typer.main.get_command(app)
    head = [
        "# The command line",
        MADE,
        "Data goes to standard output, progress and notes to standard error. `--json` prints the same for programs; "
        "its names are stable. An error is one line that begins with `error:`, with what to do about it below; the "
        "exit status says its kind ([errors.md](errors.md)). A mistake in the command itself exits with 2, Ctrl-C "
        "with 130.",
    ]
    return _page([*head, *_command("vouch", root)])


def settings_reference() -> str:
    """Every key of `vouch.toml`."""
    head = [
        "# Settings",
        MADE,
        "The settings of a project are in `vouch.toml`. Every key can be set by an environment variable too, which "
        "wins: `VOUCH_<SECTION>__<KEY>`, such as `VOUCH_SERVING__PORT=8001`, or for a key in a table of its own "
        "`VOUCH_SERVING__CANARY__SHARE=0.05`. `VOUCH_CONFIG` names another file, and "
        "`MLFLOW_TRACKING_URI` wins over `[project] tracking_uri`. Relative paths start at the folder of `vouch.toml`. "
        "A key that is not listed here is an error.",
    ]
    return _page([*head, *(part for name, field in Settings.model_fields.items() for part in _section(name, field))])


def errors_reference() -> str:
    """Every error that vouchml raises on purpose."""
    kinds = sorted(_children(errors.VouchError), key=lambda kind: (kind.exit_status, kind.code))
    rows = [f"| `{kind.code}` | {kind.exit_status} | {_http(kind)} | {_first_line(kind.__doc__)} |" for kind in kinds]
    head = [
        "# Errors",
        MADE,
        "Every error has a code that does not change. On the command line its kind is the exit status; the service "
        'answers with the HTTP status and `{"detail": {"code", "message", "missing", "extra", "invalid"}}`. '
        "No message repeats what a caller sent. Besides these, 2 is a mistake in the command, 1 a problem that "
        "`vouch doctor` found, a version that failed `vouch gate` or that `vouch reproduce` did not come close "
        "enough to, 13 a version that the gate could not decide about, "
        "130 Ctrl-C or a no before anything ran, and 141 an output that was closed.",
        "\n".join(["| code | exit status | HTTP status | meaning |", "|---|---|---|---|", *rows]),
    ]
    return _page(head)


def _command(path: str, command: Any) -> Iterator[str]:
    yield f"## {path}"
    yield _prose(command.help)
    arguments = [part for part in command.params if part.param_type_name == "argument"]
    options = [part for part in command.params if part.param_type_name == "option" and not _is_completion(part)]
    children = getattr(command, "commands", {})
    usage = [path, *(["[OPTIONS]"] if options else []), *(_argument(part) for part in arguments)]
    yield "```\n" + " ".join([*usage, *(["COMMAND …"] if children else [])]) + "\n```"
    if arguments:
        yield _table("argument", [(f"`{part.metavar}`", part.help) for part in arguments])
    if options:
        yield _table("option", [(_option(part), _about(part)) for part in options])
    if children:
        rows = [
            (f"[`{path} {name}`](#{path.replace(' ', '-')}-{name})", _first_line(child.help))
            for name, child in children.items()
        ]
        yield _table("command", rows)
    for name, child in children.items():
        yield from _command(f"{path} {name}", child)


def _argument(part: Any) -> str:
    name = str(part.metavar)
    return name if part.required or name.startswith("[") else f"[{name}]"


def _option(part: Any) -> str:
    names = ", ".join(f"`{name}`" for name in part.opts)
    return names if part.is_flag else f"{names} `{part.metavar}`"


def _about(part: Any) -> str:
    return f"{part.help} Required." if part.required else str(part.help)


def _is_completion(part: Any) -> bool:
    return part.name in ("install_completion", "show_completion")


def _section(name: str, field: Any) -> Iterator[str]:
    if name == "root":
        return
    model: type[Section] = field.annotation
    yield from _keys(f"[{name}]", model)
    for key, value in model.model_fields.items():
        of_each = [each for each in get_args(value.annotation) if isinstance(each, type) and issubclass(each, Section)]
        if get_origin(value.annotation) is tuple and of_each:
            yield from _keys(f"[[{name}.{key}]]", of_each[0])


def _keys(heading: str, model: type[Section]) -> Iterator[str]:
    yield f"## {heading}"
    about = _prose(model.__doc__ or "").partition(": ")[2]
    yield about[:1].upper() + about[1:]
    rows = ["| key | takes | default | |", "|---|---|---|---|"]
    properties = model.model_json_schema()["properties"]
    for key, value in model.model_fields.items():
        default = "required" if value.is_required() else f"`{_toml(value.get_default(call_default_factory=True))}`"
        rows.append(f"| `{key}` | {_takes(properties[key])} | {default} | {_cell(value.description)} |")
    yield "\n".join(rows)


def _takes(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:  # what may be left out is a table of its own
        return "table"
    if "$ref" in schema.get("items", {}):
        return "list of tables"
    if "enum" in schema:
        return " or ".join(f"`{_toml(value)}`" for value in schema["enum"])
    kind = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "`true` or `false`",
        "array": "list of text",
        "object": "table",
    }[schema["type"]]
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    bounds = [f"{words[bound]} {schema[bound]}" for bound in words if bound in schema]
    return ", ".join([kind, *bounds])


def _toml(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "{}" if value == {} else json.dumps(list(value) if isinstance(value, tuple) else value)


def _children(kind: type[errors.VouchError]) -> Iterator[type[errors.VouchError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _children(child)


def _http(kind: type[errors.VouchError]) -> str:
    if kind.http_status == errors.VouchError.http_status:
        return ""
    return str(kind.http_status)


def _table(heading: str, rows: list[tuple[str, str]]) -> str:
    return "\n".join([f"| {heading} | |", "|---|---|", *(f"| {left} | {_cell(right)} |" for left, right in rows)])


def _cell(text: str | None) -> str:
    return _prose(text or "").replace("|", "\\|").replace("  [default", " [default")


def _prose(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _first_line(text: str | None) -> str:
    return _prose((text or "").strip().split("\n\n")[0])


def _page(parts: list[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main()
