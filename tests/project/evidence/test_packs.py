"""Packs of real versions: what is in them, what is said to be missing, and what both verifiers find wrong."""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.project.evidence.judged_project import JudgedProject
from tests.project.evidence.packed_project import PackedProject

from vouchml.canonical_json import canonical_json
from vouchml.errors import EvidenceMismatch, FileUnusable
from vouchml.governance.break_glass import sign_break_glass
from vouchml.governance.pack.check import check_pack
from vouchml.governance.pack.events import event_receipts
from vouchml.governance.signed_evidence import BREAK_GLASS, dated_name
from vouchml.ledger.record import RecordType
from vouchml.project.open_ledger import reading
from vouchml.project.receipts import newest_checkpoint

CARD = """
intended_use = "Second reading | of <b>aspirates</b>"
data_creator = "W. H. Wolberg"
data_license = "CC BY 4.0"
data_url = "https://archive.ics.uci.edu/dataset/17"
data_published = "1995-10-31"
our_own_field = "said too"
"""
ASKED = ("our_own_field", "nobody_answers_this")


@pytest.fixture(scope="module")
def made(judged_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PackedProject:
    """Version 1, approved by ada and decided on by a policy that asks for it; packed with its model. To copy."""
    from tests.own_copy import own_copy

    folder = tmp_path_factory.mktemp("packed")
    judged = JudgedProject(own_copy(judged_folder, folder / "a project"))
    (judged.settings.root / "model_card.toml").write_text(CARD, encoding="utf-8")
    judged.ring.add("ada", email="ada@example.org", role="approver")
    judged.ask(approvals={"approver": 1}, card_fields=ASKED[:1])
    judged.approve(1, "ada")
    assert judged.decide(1).outcome.verdict == "PASS"
    judged.promote(1)
    judged.ask(card_fields=ASKED[:1])
    packed = PackedProject(judged, folder / "pack.zip")
    packed.pack(with_model=True)
    return packed


@pytest.fixture
def packed(made: PackedProject, tmp_path: Path) -> PackedProject:
    """The same with files to change; the project is to be read."""
    return PackedProject(made.judged, tmp_path / "pack.zip", dict(made.files))


@pytest.fixture
def fresh(judged: JudgedProject, tmp_path: Path) -> PackedProject:
    """A project of its own, nothing packed yet."""
    return PackedProject(judged, tmp_path / "pack.zip")


def test_both_verifiers_verify_every_link(packed: PackedProject) -> None:
    assert set(packed.links().values()) == {"verified"}
    status, told = packed.stand_alone()
    assert (status, set(told.values())) == (0, {"verified"})
    assert told.keys() == packed.links().keys()


def test_the_statements_are_the_bytes_that_mlflow_has(packed: PackedProject) -> None:
    for name, content in packed.judged.evidence(1).items():
        assert packed.files[f"evidence/{name}"] == content


def test_the_ledgers_events_about_the_model_are_all_under_one_checkpoint(packed: PackedProject) -> None:
    receipts = [json.loads(content) for name, content in packed.files.items() if name.startswith("ledger/")]
    kinds = sorted(json.loads(receipt["leaf"])["type"] for receipt in receipts)
    assert kinds == ["approval", "decision", "decision", "promotion"]
    assert len({receipt["checkpoint"] for receipt in receipts}) == 1


def test_of_many_events_of_a_type_the_latest_are_taken_and_it_is_told(packed: PackedProject) -> None:
    settings, digest = packed.judged.settings, packed.json("index.json")["model"]["digest"]
    checkpoint = newest_checkpoint(settings)
    with reading(settings) as store:
        found, more = event_receipts(store, digest, checkpoint, most=1)
        whole, none = event_receipts(store, digest, checkpoint)
    assert more == (RecordType.DECISION,)
    assert none == ()
    decisions = sorted(name for name in whole if name.endswith("-decision.json"))
    assert set(whole) - set(found) == set(decisions[:-1])


def test_the_bill_of_materials_is_valid_and_names_model_data_and_packages(packed: PackedProject) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = packed.files["bom.cdx.json"].decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom, index = json.loads(text), packed.json("index.json")
    model = bom["metadata"]["component"]
    assert (bom["specVersion"], model["type"]) == ("1.6", "machine-learning-model")
    assert model["hashes"] == [{"alg": "SHA-256", "content": index["model"]["digest"]}]
    assert {part["name"] for part in model["components"]} == {file["path"] for file in packed.json("model_files.json")}
    metrics = {each["type"] for each in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]}
    assert "roc_auc" in metrics
    assert model["modelCard"]["considerations"]["users"] == ["NOT PROVIDED"]
    packages = {f"{part['name']}=={part['version']}" for part in bom["components"] if part["type"] == "library"}
    assert packages == set(packed.json("run_manifest.json")["environment"]["installed"])
    (data,) = [part for part in bom["components"] if part["type"] == "data"]
    assert data["hashes"] == [{"alg": "SHA-256", "content": index["model"]["data"]}]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of mlcroissant's own libraries
def test_croissant_finds_the_rows_of_the_table_by_the_description(packed: PackedProject, tmp_path: Path) -> None:
    import mlcroissant

    root = packed.judged.settings.root
    shutil.copytree(root / "data", tmp_path / "data")
    (tmp_path / "croissant.json").write_bytes(packed.files["croissant.json"])
    dataset = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    first = next(iter(dataset.records("rows")))
    names = [each["name"] for each in packed.json("croissant.json")["recordSet"][0]["field"]]
    header, row, *_ = (root / "data" / "breast_cancer.csv").read_text(encoding="utf-8").splitlines()
    wanted = dict(zip(header.split(","), map(float, row.split(",")), strict=True))
    assert dict(zip(names, map(float, first.values()), strict=True)) == wanted


def test_the_card_has_what_people_wrote_and_not_provided_for_the_rest(packed: PackedProject) -> None:
    page, text = packed.files["model_card.html"].decode(), packed.files["model_card.md"].decode()
    assert "Second reading | of &lt;b&gt;aspirates&lt;/b&gt;" in page
    assert "Second reading \\| of &lt;b&gt;aspirates&lt;/b&gt;" in text
    for card in (page, text):
        assert "said too" in card
        assert card.count("NOT PROVIDED") > 15
        assert "<b>" not in card
    for name in ("roc_curve.png", "calibration.png"):
        assert base64.b64encode(packed.files[f"plots/{name}"]).decode() in page


def test_the_pages_need_no_network_and_no_script(packed: PackedProject) -> None:
    for name in ("index.html", "model_card.html"):
        page = packed.files[name].decode()
        assert "<script" not in page
        for address in re.findall(r'(?:src|href)="([^"]*)"', page):
            assert address.startswith("data:image/png;") or address in packed.files, address
        assert '<html lang="en">' in page
        assert "prefers-color-scheme: dark" in page
        assert "@media print" in page


def test_nothing_in_a_pack_claims_that_a_framework_is_fulfilled(packed: PackedProject) -> None:
    for name in ("index.html", "model_card.html", "model_card.md", "crosswalks.json"):
        assert b"compliant" not in packed.files[name].lower()


def test_a_version_that_nobody_decided_on_is_packed_and_says_so(fresh: PackedProject) -> None:
    packed = fresh.pack(2)
    assert "decision" in dict(packed.missing)
    assert "NOT PROVIDED: no decision of the gate counts." in fresh.files["index.html"].decode()
    status, told = fresh.stand_alone()
    assert (status, told["grounds"]) == (2, "not checked")
    assert fresh.links()["grounds"] == "not checked"


def test_a_pack_whose_index_nobody_could_sign_says_so(fresh: PackedProject) -> None:
    key = fresh.judged.ring.signer("evaluator", None)[1]
    (fresh.judged.settings.signing_keys_folder / f"{key.name}.pem").unlink()
    packed = fresh.pack()
    assert packed.signed_by is None
    assert "index.dsse.json" in dict(packed.missing)
    assert fresh.links()["index"] == "not checked"
    status, told = fresh.stand_alone()
    assert (status, told["index"]) == (2, "not checked")


def test_a_decision_by_another_policy_leaves_the_policy_out(fresh: PackedProject) -> None:
    fresh.judged.ask(minimum_rows=60)
    packed = fresh.pack()
    assert "policy.json" in dict(packed.missing)
    assert fresh.links()["grounds"] == "not checked"
    assert fresh.stand_alone()[0] == 2


def test_a_project_without_a_ledger_packs_without_events(fresh: PackedProject) -> None:
    ledger = fresh.judged.settings.ledger.model_copy(update={"url": ""})
    fresh.judged.settings = fresh.judged.settings.model_copy(update={"ledger": ledger})
    assert "ledger" in dict(fresh.pack().missing)
    assert fresh.links()["ledger"] == "not checked"
    assert fresh.stand_alone()[1]["ledger"] == "not checked"


def test_a_manifest_that_somebody_emptied_in_mlflow_is_refused(fresh: PackedProject) -> None:
    manifest = fresh.run_file(1, "run_manifest.json")
    document = json.loads(manifest.read_bytes())
    del document["environment"]
    manifest.write_bytes(canonical_json(document))
    with pytest.raises(EvidenceMismatch, match=r"run_manifest\.json"):
        fresh.pack()


def test_a_manifest_that_somebody_changed_in_mlflow_fails_the_pack(fresh: PackedProject) -> None:
    manifest = fresh.run_file(1, "run_manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b'"test_rows":114', b'"test_rows":115'))
    fresh.pack()
    assert fresh.links()["provenance"] == "failed"
    assert fresh.stand_alone()[1]["provenance"] == "failed"


def test_a_rejection_fails_the_pack(fresh: PackedProject) -> None:
    fresh.judged.ring.add("bob", email="bob@example.org", role="approver")
    fresh.judged.approve(1, "bob", "rejected")
    fresh.pack()
    assert fresh.links()["approvals"] == "failed"
    assert fresh.stand_alone()[1]["approvals"] == "failed"


def test_a_statement_by_a_key_that_does_not_count_is_set_aside(fresh: PackedProject) -> None:
    fresh.judged.ring.add("eve", email="eve@example.org", role="approver")
    statement = fresh.judged.approve(1, "eve")
    fresh.judged.ring.revoke("eve", reason="left")
    fresh.pack()
    assert fresh.links()[statement.file] == "not checked"
    status, told = fresh.stand_alone()
    assert (status, told[statement.file]) == (2, "not checked")


def test_who_signed_that_they_authored_it_does_not_count_as_approving_it(fresh: PackedProject) -> None:
    judged = fresh.judged
    judged.ring.add("bob", email="bob@example.org", role="approver")
    separation = judged.settings.trust.separation
    judged.trust(separation="none")  # where nobody asks, it can be signed
    judged.approve(1, "bob", "authored")
    time.sleep(1.0)  # one key signs one statement of a kind in a second
    judged.approve(1, "bob")
    judged.trust(separation=separation)
    judged.ask(approvals={"approver": 1})
    judged.decide(1)
    fresh.pack()
    assert fresh.links()["approvals"] == "failed"
    assert fresh.stand_alone()[1]["approvals"] == "failed"


def test_a_prediction_is_followed_to_a_decision_that_let_the_model_serve_and_to_no_other(fresh: PackedProject) -> None:
    judged = fresh.judged
    judged.ring.add("grace", email="grace@example.org", role="approver")
    judged.ask(bounds={"roc_auc_lower": 0.99})
    decided = judged.decide(1)
    assert decided.outcome.verdict == "INCONCLUSIVE"
    assert decided.statement is not None
    judged.approve(1, "grace", "reviewed")
    fresh.pack()
    receipt = fresh.answered_under(decided.statement.sha256)
    assert (fresh.links(receipt)["prediction"], fresh.stand_alone(receipt)[1]["prediction"]) == ("failed", "failed")
    time.sleep(1.0)
    judged.approve(1, "grace", "inconclusive accepted")
    fresh.pack()
    assert (fresh.links(receipt)["prediction"], fresh.links(receipt)["grounds"]) == ("verified", "verified")
    told = fresh.stand_alone(receipt)[1]
    assert (told["prediction"], told["grounds"]) == ("verified", "verified")


def test_a_prediction_under_a_fail_is_not_followed(fresh: PackedProject) -> None:
    fresh.judged.ring.add("bob", email="bob@example.org", role="approver")
    fresh.judged.approve(1, "bob", "rejected")
    decided = fresh.judged.decide(1)
    assert decided.outcome.verdict == "FAIL"
    assert decided.statement is not None
    fresh.pack()
    receipt = fresh.answered_under(decided.statement.sha256)
    assert (fresh.links(receipt)["prediction"], fresh.stand_alone(receipt)[1]["prediction"]) == ("failed", "failed")


@pytest.mark.parametrize(("other", "hours"), [("grace", 1.0), ("bob", 4.5)])
def test_breaking_the_glass_alone_or_for_too_long_fails_the_pack(
    fresh: PackedProject, other: str, hours: float
) -> None:
    judged = fresh.judged
    for name, email in (("ada", "ada@example.org"), ("grace", "ADA@example.org"), ("bob", "bob@example.org")):
        judged.ring.add(name, email=email, role="approver")
    judged.trust(separation="people")
    keys = (judged.ring.signer("approver", "ada")[0], judged.ring.signer("approver", other)[0])
    now = datetime.now(UTC)
    fresh.pack()
    digest = fresh.json("index.json")["model"]["digest"]
    until = now + timedelta(hours=hours)
    signed = sign_break_glass(judged.name, digest, "the pager", keys=keys, at=now, until=until)
    name = dated_name(BREAK_GLASS, now, keys[0].public.key_id)
    judged.put(1, name, signed.to_bytes())
    fresh.pack()
    assert (fresh.links()[name], fresh.stand_alone()[1][name]) == ("failed", "failed")


def test_a_statement_under_another_name_than_its_own_fails_the_pack(packed: PackedProject) -> None:
    for kind in ("approval", "decision"):
        copy = f"evidence/{kind}-99991231T235959Z-ffffffff.dsse.json"
        packed.files[copy] = packed.files[packed.name_of(f"evidence/{kind}-")]
        packed.resign()
        name = copy.removeprefix("evidence/")
        assert (packed.links()[name], packed.stand_alone()[1][name]) == ("failed", "failed")


def test_without_a_trust_store_of_ones_own_nothing_is_proved(packed: PackedProject) -> None:
    checked = check_pack(packed.files, None)
    assert (checked.outcome, checked.exit_status) == ("incomplete", 2)
    assert [link.name for link in checked.links if link.status.value != "verified"] == ["trust"]


def test_a_place_that_cannot_be_written_is_told(made: PackedProject, tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="cannot be written"):
        PackedProject(made.judged, tmp_path / "nowhere" / "pack.zip").pack()


def _append(name: str) -> Callable[[PackedProject], None]:
    def change(packed: PackedProject) -> None:
        packed.files[name] += b" "

    return change


def _drop(beginning: str) -> Callable[[PackedProject], None]:
    def change(packed: PackedProject) -> None:
        del packed.files[packed.name_of(beginning)]

    return change


def _edit(name: str, old: bytes, new: bytes) -> Callable[[PackedProject], None]:
    def change(packed: PackedProject) -> None:
        assert old in packed.files[name]
        packed.files[name] = packed.files[name].replace(old, new, 1)

    return change


def _forge_approval(packed: PackedProject) -> None:
    name = packed.name_of("evidence/approval-")
    envelope = packed.json(name)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["reason"] = "looks even better"
    envelope["payload"] = base64.b64encode(canonical_json(statement)).decode()
    packed.files[name] = canonical_json(envelope)


def _move_event(packed: PackedProject) -> None:
    name = packed.name_of("ledger/")
    receipt = packed.json(name)
    receipt["index"] -= 1
    packed.files[name] = canonical_json(receipt)


def _change_event(packed: PackedProject) -> None:
    name = packed.name_of("ledger/")
    receipt = packed.json(name)
    receipt["leaf"] = receipt["leaf"].replace("to be served", "to be seen")
    packed.files[name] = canonical_json(receipt)


ATTACKS: dict[str, tuple[str, Callable[[PackedProject], None]]] = {
    "a byte of the model": ("model", _append("model/affine.json")),
    "a model file less": ("model", _drop("model/affine.json")),
    "another list of the model's files": ("model", _edit("model_files.json", b"affine.json", b"afline.json")),
    "another contract": ("model", _append("contract.json")),
    "another manifest": ("provenance", _append("run_manifest.json")),
    "another policy": ("grounds", _edit("policy.json", b'"approver":1', b'"approver":0')),
    "no approval": ("grounds", _drop("evidence/approval-")),
    "a forged approval": ("grounds", _forge_approval),
    "another evaluation": ("grounds", _append("evidence/evaluation.dsse.json")),
    "an event at another place": ("ledger", _move_event),
    "an event that says something else": ("ledger", _change_event),
    "other data in the bill of materials": ("data", _edit("bom.cdx.json", b"75a1d74a", b"75a1d74b")),
    "other data in the description": ("data", _edit("croissant.json", b"75a1d74a", b"75a1d74b")),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_whoever_has_the_evaluators_key_too_cannot_change(packed: PackedProject, attack: str) -> None:
    link, change = ATTACKS[attack]
    change(packed)
    packed.resign()
    ours = packed.links()
    status, told = packed.stand_alone()
    assert (ours["files"], ours["index"], told["files"], told["index"]) == ("verified",) * 4
    assert (ours[link], told[link], status) == ("failed", "failed", 1)
    assert ours == told


def test_a_page_that_was_changed_with_the_index_is_found_by_the_signature(packed: PackedProject) -> None:
    signed = packed.files["index.dsse.json"]
    packed.files["model_card.html"] += b"<p>Approved for clinical use.</p>"
    packed.resign()
    packed.files["index.dsse.json"] = signed
    assert packed.links()["index"] == "failed"
    status, told = packed.stand_alone()
    assert (status, told["index"], told["files"]) == (1, "failed", "verified")


def test_a_file_that_the_index_does_not_list_is_found(packed: PackedProject) -> None:
    packed.files["readme.txt"] = b"trust me"
    assert packed.links()["files"] == "failed"
    assert packed.stand_alone()[1]["files"] == "failed"
