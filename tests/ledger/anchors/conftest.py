"""What the tests of anchors share: an authority that gives timestamps, on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ledger.anchors.receivers import Authority, listening


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    folder = tmp_path / "authority"
    folder.mkdir()
    made = Authority(folder=folder)
    made.make_keys()
    with listening(made):
        yield made
