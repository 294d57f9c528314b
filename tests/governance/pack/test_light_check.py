"""A pack is checked by whoever has the package alone, without any of its extras."""

from __future__ import annotations

import subprocess
import sys

TRIED = """
import sys
import vouchml.governance.pack.archive, vouchml.governance.pack.check, vouchml.cli.pack
extras = ("numpy", "mlflow", "pandas", "sklearn", "scipy", "jinja2", "cyclonedx", "onnxruntime", "apsw", "msgspec")
print([name for name in extras if name in sys.modules])
"""


def test_the_check_of_a_pack_imports_none_of_the_extras() -> None:
    told = subprocess.run([sys.executable, "-c", TRIED], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "[]\n"
