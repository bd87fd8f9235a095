"""Exported cells are no formulas, and come back as they were."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bharat.records.csv_cells import neutral, restored

RISKY = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "－1", "'=1", "''@x"]


@pytest.mark.parametrize("text", RISKY)
def test_a_text_that_a_spreadsheet_might_run_begins_with_an_apostrophe(text: str) -> None:
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Acme", "a=b", "'s-Hertogenbosch", "''", "1-1"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == restored(text) == text


@given(st.text(alphabet="'=+-@\t\r\n＝a1", max_size=6))
@example("'")
@example("''=")
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert restored(neutral(text)) == text
    assert not neutral(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
