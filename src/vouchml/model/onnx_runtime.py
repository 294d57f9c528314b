"""ONNX Runtime, without the telemetry that its Linux wheels switch on.

From 1.32 on, importing it writes an identifier of this machine into the user's cache folder and sends events about
the models that it loads to its maker. Who wants that sets `ORT_DISABLE_TELEMETRY=0` himself.
"""

from __future__ import annotations

import os
from typing import Any


def import_onnxruntime() -> Any:
    """The module `onnxruntime`; only what is set before its first import counts."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime
