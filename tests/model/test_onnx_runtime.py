"""ONNX Runtime is only ever loaded with its telemetry off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import vouchml

SOURCE = Path(vouchml.__file__).parent


def files_left_by(code: str, home: Path) -> list[Path]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", code], check=True, env={**kept, "HOME": str(home)})
    return [path for path in home.rglob("*") if path.is_file()]


def test_it_writes_no_identifier_of_this_machine(tmp_path: Path) -> None:
    load = "from vouchml.model.onnx_runtime import import_onnxruntime; import_onnxruntime()"
    assert files_left_by(load, tmp_path) == []


def test_nothing_of_ours_loads_it_in_another_way() -> None:
    found = [
        path.name for path in SOURCE.rglob("*.py") if "    import onnxruntime\n" in path.read_text(encoding="utf-8")
    ]
    assert found == ["onnx_runtime.py"]
    assert not [path for path in SOURCE.rglob("*.py") if "from onnxruntime" in path.read_text(encoding="utf-8")]
