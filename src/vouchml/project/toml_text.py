r"""Write TOML 1.0 text: Python's standard library reads it and does not write it.

```python
toml_string('a "b" #c')  # "a \"b\" #c" within quotes
```
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def toml_string(text: str) -> str:
    """A basic string on one line; what a person could not see in it is escaped."""
    return f'"{"".join(_escaped(character) for character in text)}"'


def toml_key(text: str) -> str:
    """A bare key where TOML allows it, else a quoted one."""
    return text if _BARE_KEY.fullmatch(text) else toml_string(text)


def toml_table(values: Mapping[str, str]) -> str:
    """An inline table of strings, on one line as TOML 1.0 wants it."""
    return "{ " + ", ".join(f"{toml_key(key)} = {toml_string(value)}" for key, value in values.items()) + " }"


def toml_lines(values: Iterable[str]) -> str:
    """An array of strings, one a line."""
    return "[\n" + "".join(f"    {toml_string(value)},\n" for value in values) + "]"


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
