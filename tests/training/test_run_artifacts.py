"""Every artifact that a run promises is there, and is what its name says."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rfc8785
from PIL import Image

from vouchml.canonical_json import canonical_json
from vouchml.model import Contract

if TYPE_CHECKING:
    from vouchml.settings import Settings
    from vouchml.training import TrainedVersion

PLOTS = ("confusion_matrix.png", "roc_curve.png", "pr_curve.png", "calibration.png")
DOCUMENTS = (
    "run_manifest.json",
    "contract.json",
    "evaluation.json",
    "parity.json",
    "classification_report.json",
)
TEXTS = ("classification_report.txt", "environment.txt")


def document(artifacts: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((artifacts / name).read_bytes())
    return found


def test_a_run_has_the_artifacts_that_the_design_lists_and_no_other(artifacts: Path) -> None:
    assert {path.name for path in artifacts.iterdir()} == {*PLOTS, *DOCUMENTS, *TEXTS}


def test_the_manifest_says_nothing_of_where_a_model_is_kept_served_and_judged(artifacts: Path) -> None:
    recorded = document(artifacts, "run_manifest.json")["settings"]
    assert set(recorded) == {"project", "data", "model", "training"}
    assert not {"tracking_uri", "artifacts"} & set(recorded["project"])


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_a_picture_that_shows_something(artifacts: Path, name: str) -> None:
    with Image.open(artifacts / name) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert min(picture.size) >= 400
        grey = np.asarray(picture.convert("L"))
    assert 0.001 < (grey < 128).mean() < 0.5


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_canonical_json(artifacts: Path, name: str) -> None:
    assert rfc8785.dumps(document(artifacts, name)) == (artifacts / name).read_bytes()


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_lines_that_end(artifacts: Path, name: str) -> None:
    text = (artifacts / name).read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert len(text.splitlines()) > 5


def test_the_contract_of_the_run_is_that_of_the_version(artifacts: Path, trained: tuple[Settings, Any]) -> None:
    content = (artifacts / "contract.json").read_bytes()
    contract = Contract.model_validate_json(content)
    assert contract.to_bytes() == content
    assert (len(contract.features), contract.positive_class) == (30, "benign")
    assert contract.scorer != "sklearn"  # its exact form in ONNX may serve
    assert contract.data_sha256 == trained[1].data_sha256
    assert document(artifacts, "run_manifest.json")["contract_sha256"] == hashlib.sha256(content).hexdigest()


def test_the_manifest_holds_what_the_other_documents_say(artifacts: Path, trained: tuple[Any, TrainedVersion]) -> None:
    manifest = document(artifacts, "run_manifest.json")
    assert manifest["evaluation"] == document(artifacts, "evaluation.json")
    assert manifest["parity"] == document(artifacts, "parity.json")
    assert manifest["run_id"] == trained[1].run_id
    assert (artifacts / "run_manifest.json").read_bytes() == canonical_json(trained[1].manifest)


def test_the_manifest_names_no_folder_of_this_machine_and_no_store(
    artifacts: Path, trained: tuple[Settings, Any]
) -> None:
    text = (artifacts / "run_manifest.json").read_text(encoding="utf-8")
    assert str(trained[0].root) not in text
    assert not {"tracking_uri", "artifacts"} & document(artifacts, "run_manifest.json")["settings"]["project"].keys()


def test_parity_was_shown_on_every_row_and_around_them(artifacts: Path) -> None:
    parity = document(artifacts, "parity.json")
    assert parity["passed"] is True
    assert parity["rows"] == 569
    assert parity["perturbed_points"] == parity["edge_points"] == 10_000
    assert parity["max_abs_difference"] <= parity["tolerance"] == 1e-12
    assert parity["label_flips"] == 0


def test_the_report_counts_the_same_rows_as_the_confusion_matrix(artifacts: Path) -> None:
    report = document(artifacts, "classification_report.json")
    (true_malignant, _), (_, true_benign) = counts = document(artifacts, "evaluation.json")["confusion_matrix"][
        "counts"
    ]
    assert report["malignant"]["support"] == sum(counts[0])
    assert report["benign"]["support"] == sum(counts[1])
    assert report["accuracy"] == pytest.approx((true_malignant + true_benign) / 114, abs=1e-15)
    text = (artifacts / "classification_report.txt").read_text(encoding="utf-8")
    assert all(word in text for word in ("malignant", "benign", "precision", "recall"))


def test_the_environment_names_python_and_every_library_that_matters(artifacts: Path) -> None:
    lines = (artifacts / "environment.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith(platform.python_version())
    for library in ("scikit-learn", "numpy", "scipy", "mlflow", "onnxruntime", "skops"):
        assert f"{library}=={version(library)}" in lines
