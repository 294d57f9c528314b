"""Show where versions stand: signed, decided on, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vouchml.governance.decision import Decision
    from vouchml.project.standing import Standing

STANDING_COLUMNS: Final = ("Signed by", "Gate", "Valid until", "Revoked")
FILES_NOT_CHECKED: Final = (
    "Not checked here: whether the files are still those that were signed. That is asked by: "
    "vouch promote VERSION --why TEXT --dry-run"
)


def standing_cells(standing: Standing) -> tuple[str, str, str, str]:
    """What stands under `STANDING_COLUMNS`."""
    decision = standing.decision
    signed = {"good": standing.signer or "", "missing": "nobody", "refused": "does not count"}
    gate = {"missing": "no decision", "refused": "does not count"}
    return (
        signed.get(standing.signature, standing.signature),
        _verdict(decision, standing) if decision else gate.get(standing.gate, standing.gate),
        f"{decision.valid_until:%Y-%m-%d}" if decision else "",
        {True: "yes", False: "no", None: "not checked"}[standing.revoked],
    )


def _verdict(decision: Decision, standing: Standing) -> str:
    ends = "" if standing.holds or decision.verdict == "FAIL" else ", does not hold"
    return f"{decision.verdict}{ends}"
