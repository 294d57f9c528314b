"""`vouch sign`: what a trained version gets signed, by whom, and what is not signed again."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.statement import Statement as TheirStatement
from in_toto_attestation.v1.statement_pb2 import Statement as TheirMessage
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer._key import SSlibKey
from tests.project.evidence.judged_project import JudgedProject

from vouchml.errors import EvidenceMismatch, FileChanged, KeyRevoked, SignatureInvalid
from vouchml.governance.signed_evidence import EVALUATION_FILE, PROVENANCE_FILE
from vouchml.project.signing import sign_version
from vouchml.trust.model_signature import SIGNATURE_FILE

PARTS = (SIGNATURE_FILE, PROVENANCE_FILE, EVALUATION_FILE)


def statement_in(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.b64decode(json.loads(content)["payload"]))
    return document


def test_the_openssf_tool_verifies_the_signature_of_a_trained_version(judged: JudgedProject, tmp_path: Path) -> None:
    key = next(key for key in judged.ring.store().key if key.role == "trainer")
    (tmp_path / "public.pem").write_text(key.public_key.to_pem())
    (tmp_path / SIGNATURE_FILE).write_bytes(judged.evidence(1)[SIGNATURE_FILE])
    files = judged.fetch(1, tmp_path / "files")

    def verified() -> bool:
        command = [sys.executable, "-m", "model_signing", "verify", "key", str(files)]
        options = ["--signature", str(tmp_path / SIGNATURE_FILE), "--public_key", str(tmp_path / "public.pem")]
        return subprocess.run([*command, *options], capture_output=True, check=False).returncode == 0

    assert verified()
    (files / "contract.json").write_bytes((files / "contract.json").read_bytes() + b" ")
    assert not verified()


@pytest.mark.parametrize(("part", "role"), [(PROVENANCE_FILE, "trainer"), (EVALUATION_FILE, "evaluator")])
def test_other_tools_verify_the_envelope_and_validate_the_statement(
    judged: JudgedProject, part: str, role: str
) -> None:
    content = judged.evidence(1)[part]
    key = next(key for key in judged.ring.store().key if key.role == role).public_key
    theirs = TheirEnvelope.from_dict(json.loads(content))
    scheme = {"ed25519": ("ed25519", "ed25519"), "p256": ("ecdsa", "ecdsa-sha2-nistp256")}[key.algorithm]
    public = key.to_pem()
    if key.algorithm == "ed25519":
        raw = base64.b64decode("".join(public.splitlines()[1:-1]))[-32:]
        public = raw.hex()
    theirs.verify([SSlibKey(next(iter(theirs.signatures)), *scheme, {"public": public})], 1)
    statement = Parse(theirs.payload.decode(), TheirMessage())
    TheirStatement(
        list(statement.subject), predicate_type=statement.predicate_type, predicate=statement.predicate
    ).validate()


def test_the_provenance_names_data_settings_commit_run_and_builder(judged: JudgedProject) -> None:
    statement = statement_in(judged.evidence(1)[PROVENANCE_FILE])
    build, run = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    version = judged.version(1)
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": judged.name, "digest": {"sha256": judged.sign(1).digest}}]
    assert build["externalParameters"]["settings"]["model"]["parameters"]["C"] == 1.0
    data = build["resolvedDependencies"][0]
    assert (data["name"], data["digest"]["sha256"]) == ("data", version.tags["data_sha256"])
    assert len(data["annotations"]["contentSha256"]) == 64
    assert run["metadata"]["invocationId"] == version.run_id
    assert run["metadata"]["startedOn"] <= run["metadata"]["finishedOn"]
    assert run["builder"]["id"] == "https://vouchml.dev/trainer"
    assert build["internalParameters"]["python"] == sys.version.split()[0]


def test_the_evaluation_says_passed_and_has_every_figure(judged: JudgedProject) -> None:
    statement = statement_in(judged.evidence(1)[EVALUATION_FILE])
    predicate = statement["predicate"]
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert (predicate["result"], predicate["failedTests"]) == ("PASSED", [])
    assert {"leakage", "golden_rows", "parity", "metrics", "noise_1_percent", "noise_5_percent", "missing_values"} == {
        *predicate["passedTests"]
    }
    ours = predicate["vouchml"]
    assert (
        ours["metrics"]["roc_auc"]["low"] <= ours["metrics"]["roc_auc"]["value"] <= ours["metrics"]["roc_auc"]["high"]
    )
    assert ours["recomputed"]["brier"] == pytest.approx(ours["metrics"]["brier"]["value"], abs=1e-9)
    assert [noise["level"] for noise in ours["robustness"]["noise"]] == [0.01, 0.05]
    assert len(ours["robustness"]["missing"]) == 30
    assert ours["leakage"] == {"rowsInBothSplits": 0}
    assert ours["goldenRows"]["rows"] == 32
    assert set(ours["calibration"]) == {"error", "slope", "slopeStandardError"}


def test_what_is_signed_and_verifies_is_not_signed_again(judged: JudgedProject) -> None:
    before = judged.evidence(1)
    assert {part.by for part in judged.sign(1).signed} == {"signed before"}
    assert judged.evidence(1) == before
    assert judged.sign(1, again=True).signed[0].by == "development-trainer"
    assert judged.evidence(1)[SIGNATURE_FILE] != before[SIGNATURE_FILE]


def test_without_keys_each_part_says_what_to_do_and_nothing_is_written(unsigned: JudgedProject) -> None:
    signing = unsigned.sign(1)
    assert [part.file for part in signing.unsigned] == list(PARTS)
    assert all("vouch keys init" in part.remedy and "vouch sign 1" in part.remedy for part in signing.unsigned)
    assert unsigned.evidence(1) == {}


def test_each_part_waits_for_the_key_of_its_own_role(unsigned: JudgedProject) -> None:
    unsigned.ring.add("ada", email="ada@example.org", role="trainer")
    signing = unsigned.sign(1)
    assert [(part.file, part.by) for part in signing.signed] == [(SIGNATURE_FILE, "ada"), (PROVENANCE_FILE, "ada")]
    assert [part.file for part in signing.unsigned] == [EVALUATION_FILE]
    unsigned.ring.add("eve", email="eve@example.org", role="evaluator")
    assert [part.by for part in unsigned.sign(1).signed] == ["signed before", "signed before", "eve"]


def test_without_its_table_the_evaluation_is_not_signed_and_says_so(unsigned: JudgedProject) -> None:
    unsigned.ring.add_development_keys()
    unsigned.settings.data_path.unlink()
    signing = unsigned.sign(1)
    assert [part.file for part in signing.unsigned] == [EVALUATION_FILE]
    assert "does not exist" in signing.unsigned[0].why


def test_a_version_that_was_changed_since_it_was_signed_is_not_signed_again_by_itself(judged: JudgedProject) -> None:
    judged.change_a_file(1)
    with pytest.raises(FileChanged):
        judged.sign(1)


def test_a_signature_by_a_revoked_key_asks_for_a_word_before_it_is_replaced(judged: JudgedProject) -> None:
    judged.ring.revoke("development-trainer", reason="lost")
    judged.ring.add_development_keys()
    with pytest.raises(KeyRevoked):
        judged.sign(1)
    assert judged.sign(1, again=True).signed[0].by == "development-trainer"


def test_a_broken_statement_is_not_passed_over(judged: JudgedProject) -> None:
    envelope = json.loads(judged.evidence(1)[PROVENANCE_FILE])
    payload = base64.b64decode(envelope["payload"]).replace(b"vouchml.dev/trainer", b"vouchml.dev/trained")
    envelope["payload"] = base64.b64encode(payload).decode()
    judged.put(1, PROVENANCE_FILE, json.dumps(envelope).encode())
    with pytest.raises(SignatureInvalid):
        judged.sign(1)


def test_a_manifest_that_is_not_the_one_of_the_training_is_not_signed(unsigned: JudgedProject) -> None:
    unsigned.ring.add_development_keys()
    with pytest.raises(EvidenceMismatch, match="not the one that this training wrote"):
        sign_version(unsigned.settings, unsigned.version(1), trained={"run_id": "another"})


def test_a_manifest_that_lacks_what_a_provenance_says_is_not_signed(unsigned: JudgedProject) -> None:
    unsigned.ring.add_development_keys()
    file = unsigned.run_file(1, "run_manifest.json")
    manifest = json.loads(file.read_bytes())
    del manifest["environment"]
    file.write_bytes(json.dumps(manifest).encode())
    with pytest.raises(EvidenceMismatch, match="does not say all"):
        unsigned.sign(1)
    assert unsigned.evidence(1) == {}
