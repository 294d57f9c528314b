"""What the benchmark of the ledger makes of its figures."""

from dataclasses import astuple, replace
from pathlib import Path

import pytest
from benchmarks.ledger.bars import judge
from benchmarks.ledger.report import write_report
from benchmarks.ledger.results import LOOKUPS, Command, Results, Stage, Times, Verified


def stage(records: int, *, append: float = 15.0, lookup: float = 3.0) -> Stage:
    times = Times(lookup, 1.5 * lookup, 2 * lookup, 4 * lookup)
    return Stage(records, append, 10 * append, 20.0, 894.2, dict.fromkeys(LOOKUPS, times))


RESULTS = Results(
    date="2026-01-01T00:00:00Z",
    machine="2 cores",
    load_average=0.1,
    commit="abc",
    store="SQLite",
    group=32,
    measured=65_536,
    stages=(stage(65_536), stage(10_000_000, append=18.0)),
    commands=(Command("vouch receipt", 305.0, 300.0),),
    verified=Verified(10_000_000, 50.0, 60.0, "ok"),
)


def verdicts(results: Results) -> dict[str, str]:
    return {bar.what: bar.verdict for bar in judge(results)}


def test_a_run_that_meets_every_bar_meets_them_and_the_figures_survive_their_file(tmp_path: Path) -> None:
    RESULTS.save(tmp_path / "results.json")
    read = Results.load(tmp_path / "results.json")
    assert read == RESULTS
    assert set(verdicts(read).values()) == {"met"}


def test_what_is_slower_at_the_end_is_missed_and_is_judged_at_the_end_only() -> None:
    slow = replace(RESULTS, stages=(stage(65_536), stage(10_000_000, append=19.0, lookup=4.0)))
    found = verdicts(slow)
    assert found["an append at the end ÷ at the beginning"] == "missed"
    assert found["trace by request id, median"] == "met"
    assert found["trace by request id, 99 of 100"] == "missed"


@pytest.mark.parametrize(
    "verified", [Verified(10_000_000, 70.0, 80.0, "ok"), Verified(10_000_000, 10.0, 12.0, "tampered")]
)
def test_a_verification_that_is_slow_or_finds_something_does_not_meet_its_bar(verified: Verified) -> None:
    found = verdicts(replace(RESULTS, verified=verified))
    assert found["vouch ledger verify, one process"] in ("missed", "not measured")


def test_a_run_of_fewer_records_measures_nothing_that_is_about_ten_million() -> None:
    found = verdicts(replace(RESULTS, stages=(stage(65_536), stage(1_000_000))))
    assert found["receipt by request id, median"] == "not measured"
    assert found["on disk, for 30 features"] == "met"


def test_the_median_and_the_worst_of_a_hundred_are_taken_in_milliseconds() -> None:
    seconds = [number / 1e6 for number in range(200)]
    assert astuple(Times.of(seconds, seconds)) == pytest.approx((0.1, 0.198, 0.1, 0.198))


def test_the_report_has_the_bars_the_stages_and_the_plot(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path / "RESULTS.md", tmp_path / "ledger.png")
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| on disk, for 30 features | at most 1,024 bytes a record | 894 bytes a record | met |" in text
    assert "| 10,000,000 | 18.0 | 180 | 20 | 894 |" in text
    assert "(ledger.png)" in text
