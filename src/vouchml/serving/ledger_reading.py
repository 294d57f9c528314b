"""Read the ledger for callers of the service: traces and receipts, off the event loop.

Each reading opens the ledger anew, for one thread and a few milliseconds: what is read is what is on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread

from vouchml.errors import CheckpointAwaited, ReceiptUnavailable
from vouchml.ledger.link import LinkStatus
from vouchml.ledger.open import open_ledger
from vouchml.ledger.receipt import build_receipt
from vouchml.ledger.search import prediction_of, predictions_of
from vouchml.ledger.store.base import LedgerStore
from vouchml.ledger.trace import MOST_TRACED, Trace, trace_prediction
from vouchml.ledger.trace_link import TraceLink
from vouchml.serving.following.follower import Follower
from vouchml.settings import Settings
from vouchml.trust.trust_store_file import read_trust_store

_AT_ONCE: Final = 2

Result = TypeVar("Result")


class LedgerReading:
    """The ledger of the settings, to read from."""

    def __init__(self, settings: Settings, follower: Follower) -> None:
        self._settings = settings
        self._follower = follower
        self._limiter: anyio.CapacityLimiter | None = None

    async def traces(self, name: str, *, row: int | None) -> tuple[list[Trace], int]:
        """The traces of the first predictions with the id `name`, and how many there are.

        Raises:
            RecordNotFound: there is none.
            LedgerInvalid, LedgerUnavailable, TrustStoreInvalid: it, or the trust store, cannot be read.
        """

        def read(store: LedgerStore) -> tuple[list[Trace], int]:
            trust = read_trust_store(self._settings.trust_store_path)
            places = predictions_of(store, name, row=row)
            traced = [trace_prediction(store, place, trust) for place in places[:MOST_TRACED]]
            return [replace(each, links=(*each.links, *self._origin(each))) for each in traced], len(places)

        return await self._in_thread(read)

    async def receipt(self, name: str, *, row: int | None, with_payload: bool) -> str:
        """The receipt of the prediction with the id `name`, as JSON.

        Raises:
            RecordNotFound, RecordAmbiguous: no prediction is meant, or several are.
            CheckpointAwaited: no checkpoint covers it yet.
            LedgerInvalid, LedgerUnavailable: the ledger cannot be read.
        """

        def read(store: LedgerStore) -> str:
            index = prediction_of(store, name, row=row)
            try:
                made = build_receipt(store, index)
            except ReceiptUnavailable:
                raise CheckpointAwaited("No checkpoint covers this prediction yet.", remedy="Ask again.") from None
            return (made if with_payload else made.without_payload()).to_json()

        return await self._in_thread(read)

    async def _in_thread(self, read: Callable[[LedgerStore], Result]) -> Result:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(_AT_ONCE)

        def with_ledger() -> Result:
            with closing(open_ledger(self._settings)) as store:
                return read(store)

        return await anyio.to_thread.run_sync(with_ledger, limiter=self._limiter)

    def _origin(self, traced: Trace) -> tuple[TraceLink, ...]:
        """What the service knows of the version; it does not ask the registry."""
        served: dict[str, Any] = traced.leaf["served"]
        lineup = self._follower.lineup
        digests = {model.model_digest for model in lineup.by_role().values()} if lineup is not None else set()
        loaded = served["model"] in digests
        return (
            TraceLink(
                "origin",
                "version",
                LinkStatus.VERIFIED if loaded else LinkStatus.NOT_CHECKED,
                "The files that serve now have the model digest that the ledger recorded."
                if loaded
                else "Another version serves now.",
                {"name": served["name"], "version": served["version"], "model_digest": served["model"]},
            ),
            TraceLink(
                "origin",
                "run",
                LinkStatus.NOT_CHECKED,
                "The service does not ask the registry; vouch trace does.",
                {"run": served["run"], "contract_sha256": served["contract"], "data_sha256": served["data"]},
            ),
        )
