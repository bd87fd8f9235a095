"""Reading CSV files: what is wrong is found where it stands."""

from __future__ import annotations

import csv
import itertools
import tracemalloc
from collections.abc import Iterator

import pytest

from bharat.records.importing.source import MAX_LINE, CsvError, CsvFile, Row, fault_of


def opened(content: bytes, size: int = 7, encoding: str | None = None, delimiter: str | None = None) -> CsvFile:
    """The file in small chunks, so that every boundary is met."""
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    return CsvFile(chunks, encoding=encoding, delimiter=delimiter)


def test_rows_carry_the_line_on_which_they_begin() -> None:
    file = opened(b'name,note\r\n\r\nAda,"two\r\nlines"\r\nBo,\n')
    assert list(file) == [Row(3, ["Ada", "two\r\nlines"]), Row(5, ["Bo", ""])]


def test_rows_without_any_cell_filled_are_passed_over() -> None:
    assert list(opened(b"a,b\n,\n  ,\n1,2\n")) == [Row(4, ["1", "2"])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(delimiter: str) -> None:
    file = opened(f'"a,b"{delimiter}c{delimiter}d\n1{delimiter}2{delimiter}3\n'.encode())
    assert (file.header, list(file)) == (["a,b", "c", "d"], [Row(2, ["1", "2", "3"])])


def test_a_given_delimiter_wins() -> None:
    assert opened(b"a,b;c\n", delimiter=";").header == ["a,b", "c"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le-bom"])
def test_a_byte_order_mark_says_the_encoding_and_is_no_part_of_the_first_name(encoding: str) -> None:
    text = "näme,ort\nZoë,Köln\n"
    content = b"\xff\xfe" + text.encode("utf-16-le") if encoding.endswith("bom") else text.encode(encoding)
    file = opened(content, size=1)
    assert (file.header, list(file)) == (["näme", "ort"], [Row(2, ["Zoë", "Köln"])])


def test_another_encoding_can_be_stated() -> None:
    assert list(opened("a\nÉlan €\n".encode("cp1252"), encoding="windows-1252")) == [Row(2, ["Élan €"])]


def test_an_unknown_encoding_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(CsvError, match=r"'rot13' is not known here; use one of utf-8"):
        opened(b"a\n", encoding="rot13")


def test_a_file_that_is_not_in_the_stated_encoding_is_refused_with_the_line() -> None:
    with pytest.raises(CsvError, match="line 3: this is not cp1252"):
        list(opened(b"a\nb\n\x81\n", size=2, encoding="cp1252"))


def test_bytes_that_are_not_utf_8_stay_in_their_cell_and_are_named() -> None:
    (row,) = opened(b"a,b\nfine,caf\xe9\n")
    assert fault_of(row.cells[0]) is None
    assert "byte 0xE9" in str(fault_of(row.cells[1]))


def test_a_nul_stays_in_its_cell_and_is_named() -> None:
    (row,) = opened(b"a\nx\x00y\n")
    assert fault_of(row.cells[0]) == "holds a NUL character"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: the file is empty"),
        (b"\n\n", "line 1: the file is empty"),
        (b"a,,c\n", "line 1: column 2 has no name"),
        (b"a,b,a\n", "line 1: the header names the column 'a' twice"),
        (b"a,b\xff\n", "line 1: the name of column 2 holds the byte 0xFF"),
        (b'a\n1\n"open\n2\n', "line 3: a quotation mark is opened here and never closed"),
        (b'a\n1\n"x"y\n', "line 3: a quotation mark stands inside a quoted cell"),
        (b"a\n1\r2\n", "line 2: a line ends with CR alone"),
        (b"a\n" + b"x" * (csv.field_size_limit() + 1) + b"\n", "line 2: a cell is longer than"),
        (b",".join(b"c%d" % number for number in range(501)), "line 1: the header has 501 columns"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_csv_is_refused_with_the_line(content: bytes, message: str) -> None:
    with pytest.raises(CsvError, match=message):
        list(opened(content, size=1024))


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(CsvError, match="line 2: the line is longer"):
        list(CsvFile(itertools.chain([b"a\n"], itertools.repeat(b"x" * 65536))))


def test_memory_does_not_grow_with_the_file() -> None:
    def peak(rows: int) -> int:
        def chunks() -> Iterator[bytes]:
            yield b"name,note\n"
            for _ in range(rows // 100):
                yield b"a name,some text that is a little longer\n" * 100

        tracemalloc.start()
        assert sum(1 for _ in CsvFile(chunks())) == rows
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(50_000) < peak(1_000) + MAX_LINE // 10
