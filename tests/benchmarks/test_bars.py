"""What the benchmark makes of its figures."""

import pytest
from benchmarks.serving.bars import Bar, judge
from benchmarks.serving.results import Batch, Contest, Decoding, Kind, Load, Memory, Results, Round, Soak, Switch
from benchmarks.serving.tables import tables


def contest(name: str, kind: Kind, *, speeds: list[float], reason: str = "") -> Contest:
    made = Contest(name, kind, "a server", (), reason=reason)
    for speed in speeds:
        loads = {count: Load(1000, speed, 1e6 / speed, 2e6 / speed, errors=0) for count in (1, 32)}
        made.rounds.append(Round(1.2, loads, Memory(processes=2, pss=2**28, rss=2**29, worker_rss=2**27)))
    return made


def results(*contests: Contest) -> Results:
    return Results("2026-01-01T00:00:00Z", "2 cores", 0.1, "abc", rounds=3, seconds=5, contests=list(contests))


def found(measured: Results) -> dict[str, Bar]:
    return {bar.what: bar for bar in judge(measured)}


def test_ratios_are_of_the_medians_of_the_rounds_and_the_best_peer_is_found() -> None:
    bars = found(
        results(
            contest("vouchml", "ours", speeds=[100.0, 30_000.0, 90_000.0]),
            contest("raw ASGI", "limit", speeds=[40_000.0]),
            contest("slow", "peer", speeds=[500.0]),
            contest("fast", "peer", speeds=[2_000.0]),
        )
    )
    limit = bars["req/s at 32 connections ÷ raw ASGI's"]
    assert limit.measured == pytest.approx(0.75)
    assert limit.verdict == "missed"
    peer = bars["req/s at 32 connections ÷ the best peer's (fast)"]
    assert peer.measured == pytest.approx(15.0)
    assert peer.verdict == "met"
    assert bars["median at 1 connection ÷ raw ASGI's"].measured == pytest.approx(4 / 3)
    assert bars["memory a worker (RSS)"].measured == 128.0


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    bars = found(results(contest("vouchml", "ours", speeds=[1_000.0])))
    assert bars["req/s at 32 connections ÷ raw ASGI's"].verdict == "not measured"
    assert bars["answers that mix versions"].verdict == "not measured"
    assert bars["ready from a verified cache"].verdict == "met"


def test_an_unmet_switch_and_a_growing_memory_are_missed() -> None:
    measured = results()
    measured.switch = Switch(1000, switches=1, requests=9000, errors=1, mixed=0, steady_p99=100, switching_p99=301)
    measured.soak = Soak(samples=((100_000, 100), (500_000, 101), (1_000_000, 104)), errors=0)
    bars = found(measured)
    assert bars["errors while versions switch at 1,000 req/s"].verdict == "missed"
    assert bars["answers that mix versions"].verdict == "met"
    assert bars["p99 while switching ÷ steady p99"].verdict == "missed"
    assert bars["growth of memory over 1 million requests"].measured == pytest.approx(4.0)


def test_one_look_at_the_memory_says_nothing_about_its_growth() -> None:
    measured = results()
    measured.soak = Soak(samples=((5_000_000, 100),), errors=0)
    assert found(measured)["growth of memory over 5 million requests"].verdict == "not measured"


def test_a_batch_is_compared_with_the_decoding_of_its_own_body() -> None:
    measured = results()
    measured.batches = [Batch("vouchml", "/predict/batch", 10_000, 0.1), Batch("other", "/predict/batch", 10_000, 9.0)]
    measured.decodings = [Decoding("msgspec", "/predict/batch", 10, 0.06), Decoding("msgspec", "/invocations", 10, 1.0)]
    bars = found(measured)
    assert bars["10,000 rows to /predict/batch ÷ msgspec alone, in rows/s"].measured == pytest.approx(0.6)
    assert bars["10,000 rows to /invocations ÷ msgspec alone, in rows/s"].verdict == "not measured"


def test_a_contender_without_figures_stands_in_a_table_with_the_reason() -> None:
    absent = contest("peer", "peer", speeds=[], reason="does not install on Python 3.99: no such package")
    shown = {table.title: table.rows for table in tables(results(contest("vouchml", "ours", speeds=[1.0]), absent))}
    assert ("peer", "peer", absent.reason) in shown["Not measured, or not in every round"]
