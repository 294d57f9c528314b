"""The list of series, and the slots that follow from it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from vouchml import errors
from vouchml.serving.metrics.layout import Layout
from vouchml.serving.metrics.series import SERIES, Label, Series, refusal_codes

ONE = Series("vouch_a_total", "About.", "counter", (Label("door", ("x", "y")),))
TWO = Series("vouch_b", "About.", "histogram", (), (0.1, 1.0))


def test_names_and_labels_are_as_prometheus_wants_them() -> None:
    for series in SERIES:
        assert re.fullmatch("vouch_[a-z_]+", series.name)
        assert series.name.endswith("_total") == (series.kind == "counter")
        assert series.about.endswith(".")
        assert list(series.buckets) == sorted(set(series.buckets))
        assert (series.kind == "histogram") == bool(series.buckets)
        assert all(len(set(label.values)) == len(label.values) for label in series.labels)
    assert len({series.name for series in SERIES}) == len(SERIES)


def test_the_reasons_of_refusals_are_the_errors_that_have_an_http_status() -> None:
    codes = refusal_codes()

    assert {"contract-breach", "body-malformed", "no-model-loaded", "bundle-invalid"} <= set(codes)
    assert not {"settings-invalid", "table-invalid", "port-taken", "vouch-error"} & set(codes)


def test_an_error_that_inherits_its_status_is_a_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class RowTooWide(errors.ContractBreach):
        code = "row-too-wide"

    monkeypatch.setattr(errors, "RowTooWide", RowTooWide, raising=False)

    assert "row-too-wide" in refusal_codes()


def test_every_member_has_slots_of_its_own_and_none_is_left_over() -> None:
    layout = Layout.of()
    taken = [
        slot
        for series in SERIES
        for start in layout.starts[series.name].values()
        for slot in range(start, start + series.width)
    ]

    assert taken == list(range(layout.slots))


def test_a_histogram_has_a_slot_a_bucket_one_beyond_and_its_sum() -> None:
    layout = Layout.of((ONE, TWO))

    assert layout.start("vouch_a_total", "y") == 1
    assert layout.start("vouch_b") == 2
    assert layout.slots == 2 + 4


@pytest.mark.parametrize(
    "changed",
    [
        replace(TWO, name="vouch_c"),
        replace(TWO, buckets=(0.1, 2.0)),
        replace(TWO, kind="gauge", buckets=()),
        replace(TWO, labels=(Label("door", ("x",)),)),
    ],
)
def test_a_change_of_the_slots_changes_the_digest(changed: Series) -> None:
    assert Layout.of((ONE, changed)).digest != Layout.of((ONE, TWO)).digest


def test_a_change_of_the_words_does_not_change_the_digest() -> None:
    assert Layout.of((ONE, replace(TWO, about="Else."))).digest == Layout.of((ONE, TWO)).digest
