"""Whoever can write to MLflow can register a version whose run says something untrue; the gate does not judge by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.governance.signed_files import sign_files

from vouchml.canonical_json import canonical_json
from vouchml.errors import EvidenceMismatch, EvidenceMissing, TableChanged, VouchError
from vouchml.governance.gate import gate_version
from vouchml.registry import ModelRegistry
from vouchml.settings import Settings

Change = Callable[[dict[str, Any]], object]
FILES = ("run_manifest.json", "evaluation.json", "parity.json")


def registered_again(settings: Settings, folder: Path, changes: dict[str, Change], without: str = "") -> str:
    """The files of version 1 as another version, whose run has the same artifacts but for `changes`."""
    registry = ModelRegistry.connect(settings.tracking_uri)
    name = settings.project.registered_model
    version = registry.version(name, "1")
    run_files = folder / "run"
    run_files.mkdir()
    registry.fetch_run_files(version, FILES, run_files)
    for file, how in changes.items():
        document = json.loads((run_files / file).read_bytes())
        how(document)
        (run_files / file).write_bytes(canonical_json(document))
    (run_files / without).unlink() if without else None
    experiment = registry.client.create_experiment("forged", artifact_location=(folder / "forged").as_uri())
    run_id = registry.client.create_run(experiment).info.run_id
    registry.client.log_artifacts(run_id, str(run_files))
    return str(registry.register(name, source=version.source, run_id=run_id).number)


def changed(part: str, key: str, value: Any) -> Change:
    return lambda document: document[part].update({key: value})


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"run_manifest.json": changed("split", "test_rows_sha256", "0" * 64)}, EvidenceMismatch, "does not give"),
        (
            {"run_manifest.json": lambda document: document["settings"]["training"].update(random_state=43)},
            EvidenceMismatch,
            "does not give",
        ),
        ({"run_manifest.json": changed("data", "bytes_sha256", "0" * 64)}, EvidenceMismatch, "names another table"),
        (
            {"run_manifest.json": lambda document: document.update(contract_sha256="0" * 64)},
            EvidenceMismatch,
            "about another contract",
        ),
        ({"run_manifest.json": lambda document: document.pop("split")}, EvidenceMismatch, "not a run manifest"),
        ({"evaluation.json": changed("metrics", "roc_auc", {})}, EvidenceMismatch, "something else than its manifest"),
        ({"parity.json": lambda document: document.update(passed=False)}, EvidenceMismatch, "something else"),
    ],
)
def test_a_run_that_contradicts_its_version_is_not_judged_by(
    judged_project: Settings, tmp_path: Path, changes: dict[str, Change], error: type[VouchError], words: str
) -> None:
    forged = registered_again(judged_project, tmp_path, changes)
    with pytest.raises(error, match=words):
        gate_version(judged_project, forged)


def test_a_version_without_a_manifest_is_not_judged(judged_project: Settings, tmp_path: Path) -> None:
    bare = registered_again(judged_project, tmp_path, {}, without="run_manifest.json")
    with pytest.raises(EvidenceMissing, match=r"has no run_manifest\.json"):
        gate_version(judged_project, bare)


def test_a_version_whose_run_lacks_a_report_fails_the_rule_that_asks_for_it(
    judged_project: Settings, tmp_path: Path
) -> None:
    partial = registered_again(judged_project, tmp_path, {}, without="parity.json")
    outcome = gate_version(judged_project, partial)
    assert [finding.rule for finding in outcome.deciding] == ["evidence.parity"]


def test_one_changed_cell_of_the_table_is_noticed(judged_project: Settings) -> None:
    table = judged_project.data_path
    table.write_bytes(table.read_bytes().replace(b"17.99", b"17.98", 1))
    with pytest.raises(TableChanged, match="is not the table that version 1 was trained and tested on"):
        gate_version(judged_project, "1")


def test_a_champion_with_a_forged_run_leaves_the_comparison_to_a_person(
    judged_project: Settings, tmp_path: Path
) -> None:
    changes: dict[str, Change] = {"run_manifest.json": lambda document: document.update(contract_sha256="0" * 64)}
    forged = registered_again(judged_project, tmp_path, changes)
    sign_files(judged_project, forged)
    name, stage = judged_project.project.registered_model, judged_project.project.stage
    ModelRegistry.connect(judged_project.tracking_uri).promote(name, forged, stage=stage, who="x", why="y")
    outcome = gate_version(judged_project, "1")
    assert {finding.rule for finding in outcome.deciding} == {
        f"margins.{metric}" for metric in judged_project.policy.margins
    }
    assert all("cannot be compared" in finding.found for finding in outcome.deciding)
