"""All files of a pack, made from what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files as resources
from pathlib import Path
from typing import Final

from vouchml.canonical_json import canonical_json
from vouchml.errors import DependencyMissing
from vouchml.governance.pack.bom import ml_bom
from vouchml.governance.pack.croissant import croissant
from vouchml.governance.pack.crosswalks import crosswalks, crosswalks_json
from vouchml.governance.pack.index import INDEX_FILE, described_files, index_json
from vouchml.governance.pack.model_card import card_html, card_markdown
from vouchml.governance.pack.pages import render
from vouchml.governance.pack.subject import PackSubject
from vouchml.governance.signed_evidence import moment_text
from vouchml.model.contract import CONTRACT_FILE

VERIFIERS: Final = ("verify_pack.py", "verify_receipt.py")
_PAGE: Final = "index.html"


def pack_files(
    subject: PackSubject,
    *,
    receipts: Mapping[str, bytes],
    model: Mapping[str, bytes],
    missing: Sequence[tuple[str, str]],
) -> dict[str, bytes]:
    """The files of a pack by path, the index among them; only the signature of that is still to come.

    `receipts` are the events of the ledger by file name, `model` the files of the model where they are wanted, and
    `missing` says what could not be had, and why.

    Raises:
        EvidenceMismatch: what the run records does not fit into a bill of materials.
        DependencyMissing: the stand-alone verifiers are not installed.
    """
    files = {
        **{f"evidence/{name}": content for name, content in subject.evidence.items()},
        **{f"plots/{name}": content for name, content in subject.plots.items()},
        **{f"ledger/{name}": content for name, content in receipts.items()},
        **{f"model/{name}": content for name, content in model.items()},
        **{name: _verifier(name) for name in VERIFIERS},
        "trust.toml": subject.trust,
        **({"policy.json": subject.policy} if subject.policy is not None else {}),
        CONTRACT_FILE: subject.contract_bytes,
        "run_manifest.json": subject.manifest_bytes,
        "model_files.json": canonical_json([file.to_dict() for file in subject.files]),
        "bom.cdx.json": ml_bom(subject),
        "croissant.json": croissant(subject),
        "model_card.md": card_markdown(subject),
        "model_card.html": card_html(subject),
    }
    frameworks = crosswalks({*files, "index.html", "index.json", "crosswalks.json"}, subject.card)
    files["crosswalks.json"] = crosswalks_json(frameworks)
    decision = subject.decision
    files[_PAGE] = render(
        "index.html.j2",
        subject=subject,
        made=moment_text(subject.at),
        decided=moment_text(decision.decided_at) if decision else "",
        until=moment_text(decision.valid_until) if decision else "",
        approvals=[approval.to_dict() for approval in subject.approvals],
        files=described_files(files),
        crosswalks=frameworks,
        missing=missing,
    )
    files[INDEX_FILE] = index_json(subject, files, missing)
    return files


def _verifier(name: str) -> bytes:
    """A stand-alone verifier: installed beside this file, or in `tools` of the repository."""
    installed = resources("vouchml.governance.pack").joinpath("tools", name)
    if installed.is_file():
        return installed.read_bytes()
    path = Path(__file__).resolve().parents[4] / "tools" / name
    if not path.is_file():
        raise DependencyMissing(f"{name} is not installed.", remedy="Install vouchml again.")
    return path.read_bytes()
