"""`vouch ledger verify` looks also at a ledger that nothing else opens any more."""

from __future__ import annotations

from contextlib import closing

import apsw
import pytest
from tests.ledger.memory import BEGAN
from tests.ledger.store.made_up import predictions

from vouchml.errors import LedgerInvalid
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, sign
from vouchml.ledger.open import create_ledger, open_ledger
from vouchml.project.verification import verify_project_ledger
from vouchml.settings import Settings


def test_a_ledger_whose_last_records_were_deleted_is_tampered_with_and_not_merely_unusable(project: Settings) -> None:
    key = SignerKey.generate(create_ledger(project))
    with closing(open_ledger(project)) as store:
        store.append(predictions(20), sign=lambda head: sign(Checkpoint.of(key.name, head, time=BEGAN), key))
    with closing(apsw.Connection(str(project.root / "vouch-ledger.db"))) as file:
        file.execute("DELETE FROM record WHERE idx >= 15")

    with pytest.raises(LedgerInvalid, match="head counts 20 records, and there are 15"):
        open_ledger(project)
    found = verify_project_ledger(
        project, since=None, outside=(), keys=[key.verifier], progress=lambda _done, _of: None
    )
    assert found.exit_status == 1
    assert ("record", 15, 20) in [(each.kind, each.start, each.end) for each in found.findings]
