"""A policy may ask for a signed bill of materials and model card: they are made, judged, admitted and packed."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.project.evidence.judged_project import JudgedProject

from vouchml.governance.pack.archive import read_pack
from vouchml.governance.pack.check import check_pack
from vouchml.governance.signed_evidence import ML_BOM_FILE, MODEL_CARD_FILE
from vouchml.project.admissibility import admission_of
from vouchml.project.packing import make_pack
from vouchml.project.private_copy import private_copy
from vouchml.trust.trust_store_file import read_trust_store

TOOL = Path(__file__).resolve().parents[3] / "tools" / "verify_pack.py"


@pytest.fixture
def asking(judged: JudgedProject) -> JudgedProject:
    judged.ask(required_evidence=("manifest", "provenance", "ml_bom", "model_card"))
    return judged


def statement_in(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.b64decode(json.loads(content)["payload"]))
    return document


def rules(asking: JudgedProject) -> dict[str, str]:
    return {each.rule: each.verdict.value for each in asking.decide(1).outcome.findings}


def test_without_them_the_gate_fails_and_with_them_the_version_is_promoted(asking: JudgedProject) -> None:
    before = rules(asking)
    assert (before["evidence.ml_bom"], before["evidence.model_card"]) == ("FAIL", "FAIL")
    signed = {part.file: part.by for part in asking.sign(1).signed}
    assert (signed[ML_BOM_FILE], signed[MODEL_CARD_FILE]) == ("development-trainer", "development-evaluator")
    after = rules(asking)
    assert (after["evidence.ml_bom"], after["evidence.model_card"]) == ("PASS", "PASS")
    asking.promote(1)
    with private_copy(asking.registry, asking.version(1)) as copy:
        decision = admission_of(asking.settings, copy).decision
    assert decision is not None
    assert {ML_BOM_FILE, MODEL_CARD_FILE} <= set(decision.inputs)
    assert {part.by for part in asking.sign(1).signed} == {"signed before"}


def test_the_statements_hold_the_documents_themselves(asking: JudgedProject) -> None:
    digest = asking.sign(1).digest
    bom, card = (statement_in(asking.evidence(1)[name]) for name in (ML_BOM_FILE, MODEL_CARD_FILE))
    assert bom["predicateType"] == "https://cyclonedx.org/bom"
    assert bom["predicate"]["metadata"]["component"]["hashes"][0]["content"] == digest
    assert card["predicate"]["text"].splitlines()[0].endswith("classifier, version 1")
    assert digest in card["predicate"]["text"]
    assert bom["subject"] == card["subject"] == [{"name": asking.name, "digest": {"sha256": digest}}]


def test_one_that_is_of_another_version_or_gone_does_not_count(asking: JudgedProject) -> None:
    for number in (1, 2):
        asking.sign(number)
    asking.put(1, MODEL_CARD_FILE, asking.evidence(2)[MODEL_CARD_FILE])
    asking.take_away(1, ML_BOM_FILE)
    found = rules(asking)
    assert (found["evidence.ml_bom"], found["evidence.model_card"]) == ("FAIL", "FAIL")


def test_both_verifiers_check_them_in_a_pack(asking: JudgedProject, tmp_path: Path) -> None:
    asking.sign(1)
    asking.decide(1)
    asking.promote(1)
    pack = tmp_path / "pack.zip"
    make_pack(asking.settings, "1", pack)
    trust = asking.settings.trust_store_path
    ours = {link.name: link.status.value for link in check_pack(read_pack(pack), read_trust_store(trust)).links}
    assert (ours["ml_bom"], ours["model_card"], ours["grounds"]) == ("verified",) * 3
    told = subprocess.run(
        [sys.executable, str(TOOL), str(pack), "--trust", str(trust)], capture_output=True, text=True, check=False
    ).stdout
    assert "development-trainer" in next(line for line in told.splitlines() if " ml_bom: " in line)
    assert "development-evaluator" in next(line for line in told.splitlines() if " model_card: " in line)
    with zipfile.ZipFile(pack) as archive:
        assert archive.read(f"evidence/{ML_BOM_FILE}") == asking.evidence(1)[ML_BOM_FILE]


def test_where_the_policy_does_not_ask_nobody_signs_them(judged: JudgedProject) -> None:
    files = {part.file for part in judged.sign(1, again=True).signed}
    assert not files & {ML_BOM_FILE, MODEL_CARD_FILE}
