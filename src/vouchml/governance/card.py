"""What people say about the model in `[policy] card`: a TOML file of fields and texts.

```toml
intended_use = "Second reading of fine needle aspirates, by a pathologist."
```
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from vouchml.errors import SettingsInvalid


def read_card(path: Path) -> Mapping[str, str]:
    """The fields of the card that hold text; none where there is no file.

    Raises:
        SettingsInvalid: the file cannot be read or is not TOML.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path.name} cannot be read.", remedy="It is [policy] card: check the file.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path.name} is not TOML: {error}.", remedy="Mend the line that is named.") from error
    return {name: value for name, value in document.items() if isinstance(value, str)}
