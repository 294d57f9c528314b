"""Several workers are one service: one sum of metrics, whoever is asked, and none of them carries MLflow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest
from tests.cli.processes import clean_environment
from tests.faults.conftest import Start
from tests.faults.services import Service, memory
from tests.serving.conftest import Project

HEAVY = ("mlflow", "pandas", "sklearn", "skops", "scipy", "matplotlib", "shap", "pyarrow", "sqlalchemy")
ROWS_A_BATCH = 7


@pytest.mark.parametrize("uvicorn", [False, True])
def test_metrics_are_the_sums_over_all_workers_whoever_is_asked(
    start: Start, project: Project, features: dict[str, float], uvicorn: bool
) -> None:
    service = start("--workers", "2", uvicorn=uvicorn)
    service.until_all_serve(2)
    wrong = {name: value for name, value in features.items() if name != "mean radius"}
    asked = 0
    # No connection is kept, so that sooner or later both workers are asked.
    while asked < 60 or len(+counted_by_worker(service)) < 2:
        assert service.predict(features).status_code == 200
        assert service.predict(wrong).status_code == 422
        asked += 1
    for _ in range(10):
        batch = httpx.post(f"{service.url}/predict/batch", json={"rows": [features] * ROWS_A_BATCH}, trust_env=False)
        assert batch.status_code == 200

    for _ in range(10):
        assert service.metric("vouch_requests_total", door="predict", status="200") == asked
        assert service.metric("vouch_requests_total", door="predict", status="422") == asked
        assert service.metric("vouch_requests_total", door="predict_batch", status="200") == 10
        assert service.metric("vouch_rows_total", door="predict_batch") == 10 * ROWS_A_BATCH
        assert service.metric("vouch_refusals_total", reason="contract-breach") == asked
        assert service.metric("vouch_request_seconds_count", door="predict") == 2 * asked
        assert service.metric("vouch_score_count") == asked + 10 * ROWS_A_BATCH
        assert service.metric("vouch_reloads_total", outcome="loaded") == 2
        assert service.metric("vouch_workers") == 2
        assert service.serving("1") == 2
    answered = counted_by_worker(service)
    print(f"requests by worker: {answered}; memory: {[f'{memory(pid) / 2**20:.0f} MiB' for pid in service.workers]}")
    assert sum(answered.values()) == asked


def counted_by_worker(service: Service) -> Counter[str]:
    """Predictions that each worker's own file counts, by the number of its process."""
    from vouchml.serving.metrics.counter_file import read_file
    from vouchml.serving.metrics.layout import Layout

    layout = Layout.of()
    slot = layout.start("vouch_requests_total", "predict", "200")
    counted: Counter[str] = Counter()
    for path in (service.private / "serving" / "metrics").glob("*-*-*.bin"):
        counters = read_file(path, layout)
        if counters is not None and counters.note["pid"] in service.workers:
            counted[path.name.split("-")[1]] += int(counters.values[slot])
    return counted


def test_a_worker_loads_neither_mlflow_nor_pandas_nor_scikit_learn(project: Project) -> None:
    told = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("print_modules.py")), "vouch.toml"],
        cwd=project.settings.root,
        env=clean_environment() | {"VOUCH_SERVING__LOG_PREDICTIONS": "false"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    document = json.loads(told.stdout.splitlines()[-1])

    assert document["statuses"] == [200] * 6
    assert [name for name in document["modules"] if name.partition(".")[0] in HEAVY] == []
