"""A pack under attack: by somebody who has the evaluator's key too, so that the index always fits the files."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from argparse import Namespace
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.project.evidence.judged_project import JudgedProject

from vouchml.governance.pack.archive import pack_bytes, read_pack
from vouchml.governance.pack.check import check_pack
from vouchml.governance.pack.index import sign_index
from vouchml.ledger.receipt import Receipt
from vouchml.ledger.record import RecordType, event
from vouchml.project.open_ledger import write
from vouchml.project.packing import Packed, make_pack
from vouchml.project.receipts import obtain_receipt
from vouchml.trust.trust_store_file import read_trust_store

TOOL = Path(__file__).resolve().parents[3] / "tools" / "verify_pack.py"


@dataclass
class PackedProject:
    """A judged project and the files of the pack of one of its versions, to change."""

    judged: JudgedProject
    file: Path
    files: dict[str, bytes] = field(default_factory=dict)

    def pack(self, number: int = 1, **options: Any) -> Packed:
        packed = make_pack(self.judged.settings, str(number), self.file, **options)
        self.files = read_pack(self.file)
        return packed

    def run_file(self, number: int, name: str) -> Path:
        """A file of the run of a version, where MLflow keeps it."""
        judged = self.judged
        run_id = judged.version(number).run_id
        assert run_id is not None
        uri = judged.registry.client.get_run(run_id).info.artifact_uri
        return Path(unquote(urlsplit(uri).path)) / name

    def json(self, name: str) -> Any:
        return json.loads(self.files[name])

    def name_of(self, beginning: str) -> str:
        return max(name for name in self.files if name.startswith(beginning))

    def resign(self) -> None:
        """Make the index fit the files again, and sign it."""
        index = self.json("index.json")
        index["files"] = [
            {"path": path, "sha256": sha256(content).hexdigest(), "size": len(content), "about": ""}
            for path, content in sorted(self.files.items())
            if path not in ("index.json", "index.dsse.json")
        ]
        content = json.dumps(index, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        key, _ = self.judged.ring.signer("evaluator", None)
        self.files["index.json"] = content
        model = index["model"]
        signed = sign_index(content, model=model["name"], digest=model["digest"], key=key)
        self.files["index.dsse.json"] = signed.to_bytes()

    def answered_under(self, decision: str, *, number: int = 1) -> Receipt:
        """The receipt of a prediction that the ledger has under the decision with this SHA-256."""
        index, settings = self.json("index.json"), self.judged.settings
        served = {
            "model": index["model"]["digest"],
            "contract": sha256(self.files["contract.json"]).hexdigest(),
            "data": index["model"]["data"],
            "decision": decision,
            "version": str(number),
        }
        fields = {"prediction_id": "p-1", "served": served}
        record = event(RecordType.PREDICTION, fields, time=datetime.now(UTC), payload={"rows": []}, ids=("p-1",))
        write(settings, record)
        return obtain_receipt(settings, "p-1")

    def links(self, receipt: Receipt | None = None) -> dict[str, str]:
        """What our own check says of each link."""
        trust = read_trust_store(self.judged.settings.trust_store_path)
        checked = check_pack(self.files, trust, receipt=receipt)
        return {link.name: link.status.value for link in checked.links}

    def stand_alone(self, receipt: Receipt | None = None) -> tuple[int, dict[str, str]]:
        """What the stand-alone verifier says, and how it exits."""
        self.file.write_bytes(pack_bytes(self.files))
        module_spec = importlib.util.spec_from_file_location("verify_pack", TOOL)
        assert module_spec is not None
        assert module_spec.loader is not None
        module = importlib.util.module_from_spec(module_spec)
        module_spec.loader.exec_module(module)
        said, place = io.StringIO(), self.file.with_suffix(".receipt.json")
        if receipt is not None:
            place.write_text(receipt.to_json(), encoding="utf-8")
        trust = str(self.judged.settings.trust_store_path)
        with contextlib.redirect_stdout(said):
            status = module.main(
                Namespace(pack=str(self.file), trust=trust, receipt=str(place) if receipt else None, data=None)
            )
        told = {}
        for line in said.getvalue().splitlines():
            word, name = line[:11].strip().casefold(), line[12:].partition(":")[0]
            told[name.removeprefix("evidence/")] = word
        return status, told
