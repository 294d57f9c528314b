"""Where a ledger is kept. `STORES` in `open` names every kind."""

from __future__ import annotations

from vouchml.ledger.store.base import Appended, Checkpoint, Entry, LedgerStore, Sign
from vouchml.ledger.store.open import create_store, grant_service_role, open_store

__all__ = ["Appended", "Checkpoint", "Entry", "LedgerStore", "Sign", "create_store", "grant_service_role", "open_store"]
