from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels

from vouchml.governance.statistics.mcnemar import mcnemar


def test_the_published_example_of_two_media_for_sputum_specimens() -> None:
    # P. Armitage and G. Berry, "Statistical Methods in Medical Research" (1994), p. 127: 12 and 2 discordant pairs.
    assert mcnemar(12, 2).p_different == pytest.approx(0.0129, abs=5e-5)


@given(only_first=st.integers(0, 300), only_second=st.integers(0, 300))
def test_the_p_values_are_those_of_statsmodels_and_scipy(only_first: int, only_second: int) -> None:
    found = mcnemar(only_first, only_second)
    table = [[5, only_first], [only_second, 7]]
    assert found.p_different == pytest.approx(mcnemar_of_statsmodels(table, exact=True).pvalue, rel=1e-9)
    if only_first + only_second:
        one_sided = binomtest(only_first, only_first + only_second, 0.5, alternative="less").pvalue
        assert found.p_worse == pytest.approx(one_sided, rel=1e-9)


def test_without_discordant_rows_nothing_speaks_against_either() -> None:
    assert (mcnemar(0, 0).p_worse, mcnemar(0, 0).p_different) == (1.0, 1.0)
