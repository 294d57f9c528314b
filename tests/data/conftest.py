from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vouchml.data import Table, read_table
from vouchml.settings import DataSettings

Reader = Callable[..., Table]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Writes the content to a file, here, and reads it with these `[data]` settings."""
    monkeypatch.chdir(tmp_path)

    def write_and_read(content: str | bytes, file: str = "table.csv", **settings: Any) -> Table:
        path = Path(file)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, DataSettings(**{"path": file, "target": "y", "positive_class": "1", **settings}))

    return write_and_read
