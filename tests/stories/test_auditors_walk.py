"""An auditor with a receipt, a pack and a copy of trust.toml, on a machine without vouchml.

The service is a real one; the auditor's Python is an environment of its own that has `cryptography` and nothing else.
"""

from __future__ import annotations

import base64
import csv
import importlib.util
import json
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cli.processes import Project, free_ports

from vouchml.settings import Settings

TOOLS = Path(__file__).resolve().parents[2] / "tools"
#: Changes one byte of each file of a pack, at several places, and prints what was not found.
TRY_EVERY_FILE = """
import contextlib, io, sys, zipfile
from argparse import Namespace
sys.path.insert(0, sys.argv[1])
import verify_pack
with zipfile.ZipFile(sys.argv[2]) as archive:
    files = {name: archive.read(name) for name in archive.namelist()}
tried = 0
for name, content in files.items():
    places = range(0, len(content), 7) if name == "index.dsse.json" else {0, len(content) // 2, len(content) - 1}
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1
        with zipfile.ZipFile("changed.zip", "w") as archive:
            for each in files:
                archive.writestr(each, bytes(changed) if each == name else files[each])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = verify_pack.main(Namespace(pack="changed.zip", trust=sys.argv[3], receipt=None, data=None))
        tried += 1
        if status != 1:
            print(f"not found: {name} at {place}")
print(f"{len(files)} files, {tried} changes")
"""


@dataclass(frozen=True)
class Desk:
    """What lies on the auditor's desk, and the Python there."""

    folder: Path
    python: Path
    request_id: str
    answer: dict[str, Any]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), "-I", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=250,
            env={"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"},
            check=False,
        )

    def verify_pack(self, *options: str, pack: str = "pack.zip") -> subprocess.CompletedProcess[str]:
        return self.run("verify_pack.py", pack, *options)

    def packed(self, name: str) -> bytes:
        with zipfile.ZipFile(self.folder / "pack.zip") as archive:
            return archive.read(name)


def lonely_python(folder: Path) -> Path:
    """An environment with `cryptography` and what that needs; nothing is downloaded."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for module in ("cryptography", "cffi", "_cffi_backend", "pycparser"):
        found = importlib.util.find_spec(module)
        assert found is not None
        assert found.origin is not None
        place = Path(found.origin)
        source = place.parent if place.name == "__init__.py" else place
        (site / source.name).symlink_to(source)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def desk(make_project: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """One prediction of a version that was trained, signed, gated, promoted and served by `vouch up`."""
    began = time.perf_counter()
    root = make_project().root
    port, mlflow_port = free_ports()
    file = root / "vouch.toml"
    text = file.read_text(encoding="utf-8").replace("port = 8000", f"port = {port}")
    file.write_text(text.replace("[training]", "[training]\ncv_folds = 2\nbootstrap_resamples = 100"), encoding="utf-8")
    (root / "model_card.toml").write_text('intended_use = "To show a walk of an auditor <b>."\n', encoding="utf-8")
    with (root / "data" / "breast_cancer.csv").open(encoding="utf-8", newline="") as table:
        row = next(csv.DictReader(table))
    features = {name: float(value) for name, value in row.items() if name != "target"}
    project = Project(root, port, mlflow_port)
    running = project.start("up", "--no-mlflow")
    running.until("Running.")
    answered = httpx.post(f"http://127.0.0.1:{port}/predict", json={"features": features}, timeout=30)
    assert answered.status_code == 200, answered.text
    running.end()
    desk = Desk(
        tmp_path_factory.mktemp("a desk"),
        lonely_python(tmp_path_factory.mktemp("lonely") / "python"),
        answered.json()["request_id"],
        answered.json(),
    )
    told = project.vouch("receipt", desk.request_id, "-o", str(desk.folder / "receipt.json"))
    assert told.returncode == 0, told.stderr
    told = project.vouch("pack", "1", "-o", str(desk.folder / "pack.zip"), "--json")
    assert told.returncode == 0, told.stderr
    (desk.folder / "told.json").write_text(told.stdout, encoding="utf-8")
    for copied in (TOOLS / "verify_pack.py", TOOLS / "verify_receipt.py", root / "trust.toml"):
        shutil.copy(copied, desk.folder)
    shutil.copy(root / "data" / "breast_cancer.csv", desk.folder / "table.csv")
    (desk.folder / "ledger.pem").write_text(_pem_of_the_ledger(desk.folder / "trust.toml"), encoding="ascii")
    print(f"the walk was prepared in {time.perf_counter() - began:.1f} s")
    return desk


def _pem_of_the_ledger(trust: Path) -> str:
    keys = tomllib.loads(trust.read_text(encoding="utf-8"))["key"]
    (key,) = [entry["public_key"] for entry in keys if entry["role"] == "ledger"]
    return f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n"


def test_the_auditors_python_has_no_vouchml(desk: Desk) -> None:
    tried = "import importlib.util as u; print([n for n in ('vouchml', 'mlflow', 'numpy', 'httpx') if u.find_spec(n)])"
    told = desk.run("-c", f"import cryptography; {tried}")
    assert (told.returncode, told.stdout) == (0, "[]\n"), told.stderr


def test_the_command_says_for_programs_what_it_packed(desk: Desk) -> None:
    told = json.loads((desk.folder / "told.json").read_bytes())
    assert told["sha256"] == sha256((desk.folder / "pack.zip").read_bytes()).hexdigest()
    assert told["model_digest"] == json.loads(desk.packed("index.json"))["model"]["digest"]
    assert (told["version"], told["signed_by"]) == (1, "development-evaluator")
    assert [each["what"] for each in told["missing"]] == ["model_card.toml"]


def test_the_receipt_verifies_there(desk: Desk) -> None:
    told = desk.run("verify_receipt.py", "receipt.json", "ledger.pem")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "FAILED" not in told.stdout


def test_every_link_from_the_prediction_to_the_data_verifies_there(desk: Desk) -> None:
    told = desk.verify_pack("--trust", "trust.toml", "--receipt", "receipt.json", "--data", "table.csv")
    assert told.returncode == 0, told.stdout + told.stderr
    lines = dict(line.removeprefix("verified").strip().split(": ", 1) for line in told.stdout.splitlines())
    assert {"files", "index", "model", "provenance", "evaluation", "grounds", "approvals", "ledger", "data"} < set(
        lines
    )
    assert desk.answer["prediction_id"] in lines["prediction"]
    assert sha256((desk.folder / "table.csv").read_bytes()).hexdigest() in lines["data"]
    assert "the table that you gave" in lines["data"]


def test_the_receipt_and_the_pack_name_the_same_model_decision_contract_and_data(desk: Desk) -> None:
    receipt = json.loads((desk.folder / "receipt.json").read_bytes())
    served = json.loads(receipt["leaf"])["served"]
    index = json.loads(desk.packed("index.json"))
    bundle = json.loads(desk.packed("evidence/model.sig"))
    signed = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    assert served["model"] == index["model"]["digest"] == signed["subject"][0]["digest"]["sha256"]
    decisions = [entry["path"] for entry in index["files"] if entry["path"].startswith("evidence/decision-")]
    assert served["decision"] in [sha256(desk.packed(path)).hexdigest() for path in decisions]
    assert served["contract"] == sha256(desk.packed("contract.json")).hexdigest()
    table = sha256((desk.folder / "table.csv").read_bytes()).hexdigest()
    assert served["data"] == json.loads(desk.packed("run_manifest.json"))["data"]["bytes_sha256"] == table


def test_one_changed_byte_in_any_file_of_the_pack_is_found(desk: Desk) -> None:
    told = desk.run("-c", TRY_EVERY_FILE, str(desk.folder), "pack.zip", "trust.toml")
    assert told.returncode == 0, told.stderr
    last = told.stdout.splitlines()[-1]
    assert told.stdout == f"{last}\n"
    with zipfile.ZipFile(desk.folder / "pack.zip") as archive:
        assert last.startswith(f"{len(archive.namelist())} files, ")


def test_the_packs_own_trust_store_is_not_enough(desk: Desk) -> None:
    told = desk.verify_pack()
    assert told.returncode == 2, told.stdout
    assert "not checked trust: the pack vouches for itself" in told.stdout


def test_a_trust_store_that_does_not_know_the_keys_fails_the_pack(desk: Desk) -> None:
    (desk.folder / "strangers.toml").write_text("", encoding="utf-8")
    told = desk.verify_pack("--trust", "strangers.toml")
    assert told.returncode == 1
    assert "FAILED      model: a key signed that is not in trust.toml" in told.stdout


def test_a_revoked_model_fails_the_pack(desk: Desk) -> None:
    digest = json.loads(desk.packed("index.json"))["model"]["digest"]
    revoked = f'\n[[revoked_model]]\ndigest = "{digest}"\ntime = 2026-01-01T00:00:00Z\nreason = "wrong labels"\n'
    (desk.folder / "revoking.toml").write_text((desk.folder / "trust.toml").read_text("utf-8") + revoked, "utf-8")
    told = desk.verify_pack("--trust", "revoking.toml")
    assert told.returncode == 1
    assert "FAILED      model: the model was revoked: wrong labels" in told.stdout


def test_another_table_is_not_taken_for_the_data(desk: Desk) -> None:
    (desk.folder / "other.csv").write_bytes((desk.folder / "table.csv").read_bytes() + b"\n")
    told = desk.verify_pack("--trust", "trust.toml", "--data", "other.csv")
    assert told.returncode == 1
    assert "FAILED      data: other data than" in told.stdout


def prediction_link(desk: Desk, receipt: str, pack: str = "pack.zip") -> tuple[str, str]:
    """What the stand-alone verifier and ours say of the link from a prediction to a pack."""
    given = ("--trust", "trust.toml", "--receipt", receipt)
    alone = next(line for line in desk.verify_pack(*given, pack=pack).stdout.splitlines() if " prediction: " in line)
    told = Project(desk.folder, 0, 0).vouch("verify-pack", pack, *given, "--json")
    (ours,) = [link for link in json.loads(told.stdout)["links"] if link["name"] == "prediction"]
    return alone, f"{ours['status']}: {ours['reason']}"


def test_a_receipt_of_something_else_than_a_prediction_is_not_followed(desk: Desk) -> None:
    with zipfile.ZipFile(desk.folder / "pack.zip") as archive:
        event = next(name for name in archive.namelist() if name.endswith("-promotion.json"))
        (desk.folder / "event.json").write_bytes(archive.read(event))
    alone, ours = prediction_link(desk, "event.json")
    assert alone.startswith("FAILED")
    assert ours.startswith("failed")
    assert "not of a prediction" in alone
    assert "not of a prediction" in ours


def test_a_prediction_whose_decision_is_not_in_the_pack_is_not_followed(desk: Desk) -> None:
    with (
        zipfile.ZipFile(desk.folder / "pack.zip") as archive,
        zipfile.ZipFile(desk.folder / "undecided.zip", "w") as without,
    ):
        for name in archive.namelist():
            if not name.startswith("evidence/decision-"):
                without.writestr(name, archive.read(name))
    alone, ours = prediction_link(desk, "receipt.json", "undecided.zip")
    assert alone.startswith("FAILED      prediction: its decision is not in the pack")
    assert ours.startswith("failed: Its decision is not in the pack")


def test_a_receipt_that_was_changed_is_not_followed(desk: Desk) -> None:
    text = (desk.folder / "receipt.json").read_text(encoding="utf-8")
    name = desk.answer["prediction_id"]
    (desk.folder / "other.json").write_text(text.replace(name, name[::-1]), encoding="utf-8")
    alone, ours = prediction_link(desk, "other.json")
    assert alone.startswith("FAILED")
    assert ours.startswith("failed")


def test_vouchml_itself_says_the_same(desk: Desk) -> None:
    given = ("--trust", "trust.toml", "--receipt", "receipt.json", "--data", "table.csv")
    told = Project(desk.folder, 0, 0).vouch("verify-pack", "pack.zip", *given, "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    document = json.loads(told.stdout)
    assert document["outcome"] == "ok"
    reasons = {link["name"]: link["reason"] for link in document["links"]}
    assert desk.answer["prediction_id"] in reasons["prediction"]
    assert "the table that was given" in reasons["data"]
