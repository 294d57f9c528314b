"""What each method counts, and what the histograms promise."""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vouchml import __version__, errors
from vouchml.serving.metrics import CONTENT_TYPE, RUN_VARIABLE, WorkerMetrics, new_run, service_run
from vouchml.serving.metrics.series import SECONDS

Read = Callable[[bytes], Any]
reuse = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@pytest.fixture
def metrics(folder: Path, run: str) -> Iterator[WorkerMetrics]:
    metrics = WorkerMetrics.open(folder, run)
    yield metrics
    metrics.close()


def test_a_request_is_counted_by_door_and_status_and_timed_by_door(metrics: WorkerMetrics, read_scrape: Read) -> None:
    metrics.request("predict", 200, 0.0001)
    metrics.request("predict", 200, 0.00011)
    metrics.request("mlflow", 422, 60.0)

    scraped = read_scrape(metrics.render())

    assert scraped("vouch_requests_total", door="predict", status="200") == 2
    assert scraped("vouch_requests_total", door="mlflow", status="422") == 1
    assert scraped.total("vouch_requests_total") == 3
    assert scraped("vouch_request_seconds_bucket", door="predict", le="5e-05") == 0
    assert scraped("vouch_request_seconds_bucket", door="predict", le="0.0001") == 1
    assert scraped("vouch_request_seconds_bucket", door="predict", le="0.00025") == 2
    assert scraped("vouch_request_seconds_sum", door="predict") == pytest.approx(0.00021)
    assert scraped("vouch_request_seconds_bucket", door="mlflow", le="10.0") == 0
    assert scraped("vouch_request_seconds_bucket", door="mlflow", le="+Inf") == 1


def test_what_is_not_in_the_list_is_counted_as_other(metrics: WorkerMetrics, read_scrape: Read) -> None:
    metrics.request("predict", 418, 0.1)
    metrics.request("a door of tomorrow", 200, 0.1)
    metrics.rows("a door of tomorrow", 3)
    metrics.refusal("an error of tomorrow")

    scraped = read_scrape(metrics.render())

    assert scraped("vouch_requests_total", door="predict", status="other") == 1
    assert scraped("vouch_requests_total", door="other", status="200") == 1
    assert scraped("vouch_rows_total", door="other") == 3
    assert scraped("vouch_refusals_total", reason="other") == 1


def test_every_other_method_counts_what_it_is_named_after(metrics: WorkerMetrics, read_scrape: Read) -> None:
    metrics.in_flight(9)
    metrics.in_flight(4)
    metrics.rows("predict_batch", 1000)
    metrics.refusal(errors.ContractBreach.code)
    metrics.out_of_range(2)
    metrics.extra_columns(3)
    metrics.reload("loaded")
    metrics.shadow("disagreed", 5)
    metrics.canary("challenger", 6)

    scraped = read_scrape(metrics.render())

    expected = {
        "vouch_requests_in_flight": {(): 4},
        "vouch_rows_total": {("predict_batch",): 1000},
        "vouch_refusals_total": {("contract-breach",): 1},
        "vouch_out_of_range_total": {(): 2},
        "vouch_extra_columns_total": {(): 3},
        "vouch_reloads_total": {("loaded",): 1},
        "vouch_shadow_total": {("disagreed",): 5},
        "vouch_canary_total": {("challenger",): 6},
        "vouch_requests_total": {},
        "vouch_model_served": {},
        "vouch_workers": {(): 1},
        "vouch_build_info": {(__version__,): 1},
    }
    for name, counts in expected.items():
        assert {labels: value for labels, value in scraped.all(name).items() if value} == counts


def test_a_series_is_there_before_it_has_counted_anything(metrics: WorkerMetrics, read_scrape: Read) -> None:
    scraped = read_scrape(metrics.render())

    assert len(scraped.all("vouch_requests_total")) == 5 * 17
    assert set(scraped.all("vouch_requests_total").values()) == {0.0}
    assert scraped("vouch_refusals_total", reason="no-model-loaded") == 0
    assert all(family.documentation for family in scraped.families)


def test_the_content_type_is_that_of_the_format_that_is_written() -> None:
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    assert CONTENT_TYPE == CONTENT_TYPE_PLAIN_0_0_4


@reuse
@given(st.lists(st.floats(min_value=0.0, max_value=1e6)))
def test_a_histogram_rises_to_the_number_of_requests_and_each_bound_is_inclusive(
    folder: Path, read_scrape: Read, seconds: list[float]
) -> None:
    metrics = WorkerMetrics.open(folder, new_run())
    for one in seconds:
        metrics.request("predict", 200, one)

    scraped = read_scrape(metrics.render())
    metrics.close()

    buckets = [scraped("vouch_request_seconds_bucket", door="predict", le=str(bound)) for bound in SECONDS]
    assert buckets == [sum(one <= bound for one in seconds) for bound in SECONDS]
    assert scraped("vouch_request_seconds_bucket", door="predict", le="+Inf") == len(seconds)
    assert scraped("vouch_request_seconds_count", door="predict") == len(seconds)
    assert scraped("vouch_request_seconds_sum", door="predict") == pytest.approx(math.fsum(seconds))


@reuse
@given(arrays(np.float64, st.integers(0, 50), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_scores_counted_at_once_are_those_counted_one_by_one(
    folder: Path, read_scrape: Read, scores: np.ndarray[Any, np.dtype[np.float64]]
) -> None:
    at_once, one_by_one = (WorkerMetrics.open(folder, new_run()) for _ in range(2))
    at_once.scores(scores)
    for score in scores.tolist():
        one_by_one.score(score)

    ours, theirs = (read_scrape(metrics.render()) for metrics in (at_once, one_by_one))
    at_once.close()
    one_by_one.close()

    assert ours.all("vouch_score_bucket") == theirs.all("vouch_score_bucket")
    assert ours("vouch_score_count") == len(scores)
    assert ours("vouch_score_sum") == pytest.approx(theirs("vouch_score_sum"))


@pytest.mark.parametrize(
    ("score", "bound"), [(0.0, "0.1"), (0.1, "0.1"), (0.3, "0.3"), (0.31, "0.4"), (1.0, "1.0"), (1.01, "+Inf")]
)
def test_a_score_falls_into_its_tenth(metrics: WorkerMetrics, read_scrape: Read, score: float, bound: str) -> None:
    metrics.score(score)

    buckets = read_scrape(metrics.render()).all("vouch_score_bucket")

    assert min((le for (le,), value in buckets.items() if value == 1), key=float) == bound


def test_what_is_no_probability_never_enters_the_sum(metrics: WorkerMetrics, read_scrape: Read) -> None:
    metrics.score(math.nan)
    metrics.score(0.5)

    scraped = read_scrape(metrics.render())

    assert scraped("vouch_score_sum") == 0.5
    assert scraped("vouch_score_count") == 2


def test_a_worker_that_closed_stays_in_the_sums_and_counts_on_for_nobody(folder: Path, run: str, scrape: Any) -> None:
    metrics = WorkerMetrics.open(folder, run)
    metrics.reload("loaded")
    metrics.close()

    metrics.reload("loaded")

    assert scrape()("vouch_reloads_total", outcome="loaded") == 1
    assert scrape()("vouch_workers") == 0
    assert b"vouch_workers 0.0" in metrics.render()


def test_a_worker_that_is_forgotten_lets_go_of_its_file(folder: Path, run: str, scrape: Any) -> None:
    metrics = WorkerMetrics.open(folder, run)
    metrics.reload("refused")
    del metrics
    gc.collect()

    assert scrape()("vouch_workers") == 0
    assert scrape()("vouch_reloads_total", outcome="refused") == 1


def test_two_services_of_one_project_count_apart(folder: Path, read_scrape: Read) -> None:
    one, other = WorkerMetrics.open(folder, new_run()), WorkerMetrics.open(folder, new_run())
    one.reload("loaded")

    assert read_scrape(one.render()).total("vouch_reloads_total") == 1
    assert read_scrape(other.render()).total("vouch_reloads_total") == 0
    one.close()
    other.close()


def test_folder_and_files_are_for_their_owner_only(folder: Path, metrics: WorkerMetrics) -> None:
    metrics.render()

    assert {path.stat().st_mode & 0o777 for path in (folder, *folder.parents[:2])} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_folder_that_cannot_be_made_is_said_once_and_stops_nothing(
    tmp_path: Path, run: str, read_scrape: Read, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a file").touch()
    with caplog.at_level(logging.INFO, logger="vouchml.serving"):
        metrics = WorkerMetrics.open(tmp_path / "a file" / "metrics", run)
        metrics.reload("loaded")
        scraped = [read_scrape(metrics.render()) for _ in range(2)]

        (tmp_path / "a file").unlink()
        after = read_scrape(metrics.render())
    metrics.close()

    assert [told("vouch_reloads_total", outcome="loaded") for told in (*scraped, after)] == [1, 1, 1]
    assert ["metrics-not-shared" in message for message in caplog.messages] == [True, False]
    assert "metrics-shared" in caplog.messages[1]
    assert str(tmp_path) not in caplog.text


@pytest.mark.parametrize("run", ["", "../elsewhere", "a-b", "a" * 65, "a\n"])
def test_the_name_of_a_run_cannot_lead_out_of_the_folder(folder: Path, run: str) -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        WorkerMetrics.open(folder, run)


def test_the_run_comes_from_the_environment_or_is_new() -> None:
    assert service_run({RUN_VARIABLE: "abc123"}) == "abc123"
    assert service_run({}) != service_run({})
    with pytest.raises(errors.SettingsInvalid, match=RUN_VARIABLE):
        service_run({RUN_VARIABLE: "../elsewhere"})
    assert not RUN_VARIABLE.startswith("VOUCH_")
