"""Answer a scrape: the sums over all workers of a run, whichever worker is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vouchml.serving.metrics.layout import Layout
from vouchml.serving.metrics.shared_folder import SharedFolder

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def render(folder: Path, run: str) -> bytes:
    """What the workers of `run` have counted in `folder`, in the format `CONTENT_TYPE`.

    Raises:
        OSError: the folder or a file in it cannot be read.
    """
    from vouchml.serving.metrics.exposition import exposition

    layout = Layout.of()
    shared = SharedFolder(folder, run, layout)
    shared.fold()
    return exposition(shared.totals(), layout)
