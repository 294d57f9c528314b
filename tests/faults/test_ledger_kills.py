"""SIGKILL of loaded workers, and of the whole service, at any moment: what was answered is in the ledger, once."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.processes import run, wait_for_the_end_of
from tests.faults.conftest import Start
from tests.faults.counted_load import CountedLoad
from tests.faults.services import Service
from tests.ledger.conftest import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.serving.conftest import Project

from vouchml.ledger.findings import Verification
from vouchml.ledger.store import LedgerStore, create_store, open_store
from vouchml.ledger.trusted_keys import verifiers
from vouchml.ledger.verify import HowToVerify, verify_ledger
from vouchml.trust.trust_store_file import read_trust_store

CALLERS = 24
WORKERS = 2
CHECKPOINT_RECORDS = 200


@dataclass
class Killing:
    """Kills a loaded service again and again, and starts it anew when all of it was killed."""

    start: Start
    url: str
    features: dict[str, float]
    seed: int
    workers_killed: int = 0
    services_killed: int = 0

    def run(self, kills: int) -> CountedLoad:
        chance = random.Random(self.seed)
        service = self._begin()
        with CountedLoad(service.port, self.features, callers=CALLERS) as load:
            for _ in range(kills):
                load.until_more(chance.randrange(20, 200), seconds=120)
                time.sleep(chance.uniform(0.0, 0.05))
                if chance.random() < 0.25:
                    service.send_to_all(signal.SIGKILL)
                    service.ended()
                    self.services_killed += 1
                    service = self._begin()
                    load.port = service.port
                else:
                    self._kill_a_worker(service, chance)
            load.until_more(100, seconds=120)
            load.stop()
        assert service.end() == 0
        return load

    def _kill_a_worker(self, service: Service, chance: random.Random) -> None:
        service.until(lambda: service.workers)
        victim = chance.choice(service.workers)
        os.kill(victim, signal.SIGKILL)
        wait_for_the_end_of([victim], seconds=30)
        self.workers_killed += 1

    def _begin(self) -> Service:
        return self.start(
            "--workers",
            str(WORKERS),
            environment={
                "VOUCH_LEDGER__URL": self.url,
                "VOUCH_LEDGER__CHECKPOINT_RECORDS": str(CHECKPOINT_RECORDS),
                "VOUCH_SERVING__LOG_PREDICTIONS": "false",
            },
        )


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'kept' / 'vouch-ledger.db'}"
    else:
        url = str(request.getfixturevalue("postgres_url"))
    create_store(url, "example.com/killed")
    return url


def require_each_once(store: LedgerStore, load: CountedLoad) -> int:
    """Every acknowledged prediction is there, nothing is there twice or was never asked for; how many are there."""
    leaves = [json.loads(entry.leaf) for entry in store.entries(0, store.head().size)]
    predictions = [leaf for leaf in leaves if leaf["type"] == "prediction"]
    recorded = {leaf["request_id"]: leaf["prediction_id"] for leaf in predictions}
    assert max(Counter(leaf["request_id"] for leaf in predictions).values()) == 1
    assert len({leaf["prediction_id"] for leaf in predictions}) == len(predictions)
    lost = [each for each in load.acknowledged.items() if recorded.get(each[0]) != each[1]]
    assert lost == []
    assert set(recorded) <= load.sent
    return len(predictions)


def verified(store: LedgerStore, project: Project) -> Verification:
    keys = verifiers(read_trust_store(project.settings.trust_store_path), store.origin())
    assert keys
    return verify_ledger(store, keys, HowToVerify(checkpoint_records=CHECKPOINT_RECORDS))


def kill_and_look(killing: Killing, project: Project, kills: int) -> None:
    init = run("keys", "init", cwd=project.settings.root)
    assert init.returncode == 0, init.stderr
    began = time.monotonic()
    load = killing.run(kills)
    with closing(open_store(killing.url)) as store:
        predictions = require_each_once(store, load)
        found = verified(store, project)
        size = store.head().size
    print(
        f"{killing.workers_killed} workers and {killing.services_killed} services killed in "
        f"{time.monotonic() - began:.0f} s; {len(load.acknowledged)} acknowledged of {len(load.sent)} sent, "
        f"{load.refused} refused; {predictions} predictions in {size} records; {found.checkpoints} checkpoints, "
        f"{found.outcome}"
    )
    assert (found.outcome, found.signed) == ("ok", size)
    assert killing.workers_killed + killing.services_killed == kills


def test_what_was_answered_before_a_kill_is_recorded_once(
    start: Start, project: Project, ledger_url: str, features: dict[str, float]
) -> None:
    kill_and_look(Killing(start, ledger_url, features, seed=1), project, kills=4)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_hundred_kills_lose_nothing_and_leave_nothing_twice(
    start: Start, project: Project, ledger_url: str, features: dict[str, float]
) -> None:
    kill_and_look(Killing(start, ledger_url, features, seed=200), project, kills=200)
