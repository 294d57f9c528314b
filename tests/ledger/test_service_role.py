"""The service's role in PostgreSQL: it can read and add, trace and sign, and erase nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest

from vouchml.errors import LedgerInvalid, LedgerUnavailable
from vouchml.ledger.erasure import erase, find_erasable
from vouchml.ledger.open import create_ledger, grant_service_role, open_ledger
from vouchml.ledger.record import RecordType, event
from vouchml.ledger.search import prediction_of
from vouchml.ledger.trace import trace_prediction
from vouchml.settings import LedgerSettings, Settings
from vouchml.trust.trust_store import TrustStore


def at(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"ledger": LedgerSettings(url=url)})


def test_the_role_that_init_gives_rights_to_adds_and_traces_and_cannot_erase(
    make_project: Callable[[], Settings], postgres_url: str
) -> None:
    settings = make_project()
    owner, service = at(settings, postgres_url), at(settings, postgres_url.replace("owner@", "tracing_service@"))
    create_ledger(owner)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS tracing_service")
        connection.execute("CREATE ROLE tracing_service LOGIN")
    grant_service_role(owner, "tracing_service")
    fields = {"prediction_id": "p", "request_id": "r", "served": None}
    record = event(RecordType.PREDICTION, fields, time=datetime.now(UTC), payload={"inputs": ""}, ids=("p", "r"))

    with closing(open_ledger(service)) as store:
        store.append([record], sign=lambda _: None)
        trace = trace_prediction(store, prediction_of(store, "r"), TrustStore())
        assert [link.status for link in trace.links if link.name in ("record", "payload", "inclusion")] == [
            "verified"
        ] * 3
        with pytest.raises(LedgerUnavailable):
            erase(store, find_erasable(store, "r"), basis="GDPR Art. 17(1)(b)", who="Ada Smith")
        with pytest.raises(LedgerUnavailable):
            store.prune([(0, 1)])

    with closing(open_ledger(owner)) as store:
        assert store.entry(0).payload is not None
        assert erase(store, find_erasable(store, "r"), basis="GDPR Art. 17(1)(b)", who="Ada Smith") == (1,)
        assert store.entry(0).payload is None


def test_a_file_has_no_roles(make_project: Callable[[], Settings]) -> None:
    with pytest.raises(LedgerInvalid, match="no roles"):
        grant_service_role(make_project(), "service")
