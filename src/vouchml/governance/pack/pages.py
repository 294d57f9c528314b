"""Pages of a pack, rendered from the templates beside this file; what is not known to a template is an error."""

from __future__ import annotations

from typing import Any


def render(template: str, **view: Any) -> bytes:
    """The template of that name with `view` in it, as UTF-8. In HTML every value is escaped, in Markdown its marks."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("vouchml.governance.pack", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = _plain
    return environment.get_template(template).render(**view).encode("utf-8")


def _plain(text: object) -> str:
    """Text that Markdown shows as it is: no mark-up, no cell borders, no HTML."""
    escaped = "".join(f"\\{character}" if character in "\\`*_{}[]()#|" else character for character in str(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
