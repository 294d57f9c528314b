"""kserve's REST client, which cannot live in our environment: it wants another pandas."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

REQUIREMENT = "kserve==0.21.0"
PROGRAM = Path(__file__).with_name("ask_with_kserve.py")
TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def kserve_python() -> Path:
    """A Python that has kserve; its environment is made once, beside ours, and kept until the release changes."""
    folder = Path(sys.prefix) / "interop" / "kserve"
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = f"{platform.python_version()}\n{REQUIREMENT}\n"
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--python", sys.executable, str(folder)], check=True)
        subprocess.run([*uv, "pip", "install", "--python", str(python), REQUIREMENT], check=True)
        stamp.write_text(wanted)
    return python


def test_kserves_client_finds_the_model_ready_and_gets_its_answers_in_json_and_in_binary(
    kserve_python: Path, shared_client: httpx.Client, names: list[str], rows: NDArray[np.float64]
) -> None:
    asked = rows[:20].tolist()
    batch = {"rows": [dict(zip(names, row, strict=True)) for row in asked]}
    ours = shared_client.post("/predict/batch", json=batch).json()["predictions"]

    done = subprocess.run(
        [str(kserve_python), str(PROGRAM), str(shared_client.base_url).rstrip("/"), "breast_cancer_classifier"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [found[key] for key in ("live", "ready", "model ready", "other model ready")] == [True, True, True, False]
    assert found["outputs by default"] == ["probability_positive_class", "prediction", "prediction_label"]
    for kind in ("binary-False", "binary-True"):
        answer = found[kind]
        assert (answer["id"], answer["model_name"]) == (kind, "breast_cancer_classifier")
        assert {"prediction_id", "source_run_id", "threshold"} <= set(answer["parameters"])
        theirs = np.array(answer["probability_positive_class"])
        expected = np.array([each["probability_positive_class"] for each in ours])
        assert np.abs(theirs - expected).max() <= TOLERANCE
        assert answer["prediction"] == [each["prediction"] for each in ours]
        assert answer["prediction_label"] == [each["prediction_label"] for each in ours]
    assert found["refusal"]["status"] == 400
    assert "must have the shape [rows, 30]" in found["refusal"]["message"]
