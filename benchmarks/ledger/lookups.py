"""How long it takes to find, prove and trace a record by its request id, in a process that is running."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final

from benchmarks.ledger.results import Lookup, Times
from vouchml.ledger.link import LinkStatus
from vouchml.ledger.open import open_ledger
from vouchml.ledger.receipt import build_receipt
from vouchml.ledger.search import prediction_of, predictions_of
from vouchml.ledger.store.base import LedgerStore
from vouchml.ledger.trace import trace_prediction
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store

ASKED: Final = 200


def measure_lookups(settings: Settings, request_ids: Sequence[str]) -> dict[str, Times]:
    """Each kind of look-up, with as many random ids; all kinds in turn with the same id would warm each other up."""
    with closing(open_ledger(settings)) as store:

        def anew(read: Callable[[LedgerStore, str], None]) -> Callable[[str], None]:
            def opened(name: str) -> None:
                with closing(open_ledger(settings)) as another:
                    read(another, name)

            return opened

        def trace(read_from: LedgerStore, name: str) -> None:
            _trace(settings, read_from, name)

        lookups: dict[Lookup, Callable[[str], None]] = {
            "find": lambda name: _find(store, name),
            "receipt": lambda name: _receipt(store, name),
            "trace": lambda name: trace(store, name),
            "receipt, opened anew": anew(_receipt),
            "trace, opened anew": anew(trace),
        }
        return {name: _times(look_up, request_ids) for name, look_up in lookups.items()}


def _times(look_up: Callable[[str], None], request_ids: Sequence[str]) -> Times:
    processor, elapsed = [], []
    for name in random.choices(request_ids, k=ASKED):
        began, processor_began = time.perf_counter(), time.thread_time()
        look_up(name)
        processor.append(time.thread_time() - processor_began)
        elapsed.append(time.perf_counter() - began)
    return Times.of(processor, elapsed)


def _find(store: LedgerStore, name: str) -> None:
    _require(len(store.find(name)) == 1)


def _receipt(store: LedgerStore, name: str) -> None:
    text = build_receipt(store, prediction_of(store, name)).to_json()
    _require(name in text)


def _trace(settings: Settings, store: LedgerStore, name: str) -> None:
    trust = read_trust_store(settings.trust_store_path)
    (place,) = predictions_of(store, name)
    traced = trace_prediction(store, place, trust)
    _require(traced.leaf["request_id"] == name)
    _require(all(link.status is LinkStatus.VERIFIED for link in traced.links))


def _require(is_right: bool) -> None:
    if not is_right:
        raise SystemExit("A look-up gave something else than what was recorded: its time would mean nothing.")
