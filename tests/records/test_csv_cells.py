"""Exported cells are no formulas, and come back as they were."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bharat.records.csv_cells import neutral, restored

RISKY = ["=1+1", "+1", "-1", "@SUM(A1)", "\t", "\r1", "\n1", "＝1", "－1", "'=1", "''@x"]


@pytest.mark.parametrize("text", RISKY)
def test_a_text_that_a_spreadsheet_might_run_begins_with_an_apostrophe(text: str) -> None:
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Acme", "a=b", "'s-Hertogenbosch", "''", "1-1"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == restored(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=1+1", "a;'=1+1"),
        ('a;"=1+1&"', 'a;\'"=1+1&"'),
        ("to do:\n- call", "to do:\n'- call"),
        ("a\r\n\r\n@b", "a\r\n\r\n'@b"),
        ("a;'-1", "a;''-1"),
    ],
)
def test_nor_does_a_formula_begin_where_a_spreadsheet_with_semicolons_would_begin_a_cell(text: str, cell: str) -> None:
    assert (neutral(text), restored(cell)) == (cell, text)


@given(st.lists(st.text(alphabet="'\"=-@;\t\r\n＝a,", max_size=8), min_size=1, max_size=4))
@example(["a;", "=1"])
def test_no_cell_is_a_formula_whatever_separates_the_cells(texts: list[str]) -> None:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(["id", *map(neutral, texts)])
    for delimiter in ",;":
        rows = csv.reader(io.StringIO(line.getvalue(), newline=""), delimiter=delimiter)
        cells = [cell for row in rows for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "-", "@", "＝"))] == []


@given(st.text(alphabet="'\"=+-@;\t\r\n＝a1", max_size=8))
@example("'")
@example("''=")
@example(";'\"=\n'=")
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert restored(neutral(text)) == text
    assert not neutral(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
