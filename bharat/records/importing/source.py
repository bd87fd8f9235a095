"""A CSV file (RFC 4180) as rows with line numbers, read as a stream: memory does not grow with the file.

What can't be read is located. A fault inside a cell (bytes of another encoding, NUL) stays in the cell, marked, so that the
importer refuses that row alone; a fault of the file itself (no header, a quotation mark that is never closed) ends the import.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bharat.contracts.errors import FieldFault, Malformed

MAX_LINE = 1024 * 1024
"""Longest line in bytes."""
MAX_COLUMNS = 500
DELIMITERS = ",;\t|"
_MARK = 4
"""Bytes to look at for a byte order mark."""

_SURROGATE = re.compile("[\udc80-\udcff]")
_ACCEPTED = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "iso8859-1", "iso8859-15", "ascii", "mac-roman")


class CsvError(Malformed):
    """The file can't be read as CSV; the message names the line."""

    type = "malformed-csv"
    title = "The file can't be read as CSV"

    def __init__(self, detail: str, line: int | None = None) -> None:
        faults = [] if line is None else [FieldFault(f"line {line}", detail)]
        super().__init__(detail if line is None else f"line {line}: {detail}", faults=faults)
        self.line = line


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the file. `line` counts from 1 and is where the record begins: a quoted cell may span lines."""

    line: int
    cells: list[str]


class CsvFile:
    """Reads the header at once and the rows as they are asked for.

    `encoding` defaults to UTF-8, or what a byte order mark says; `delimiter` to the commonest of comma, semicolon, tab
    and bar in the header; both are attributes then. Raises `CsvError`."""

    def __init__(self, chunks: Iterable[bytes], *, encoding: str | None = None, delimiter: str | None = None) -> None:
        self.bytes_read = 0
        source = self._counted(chunks)
        start = b""
        while len(start) < _MARK and (chunk := next(source, None)) is not None:
            start += chunk
        self.encoding = _encoding(start, encoding)
        self._lines = self._texts(_lines(_as_utf8(itertools.chain([start], source), self.encoding)))
        first = next(self._lines, "")
        if not first.strip():
            raise CsvError("the file is empty: its first line must name the columns", 1)
        if delimiter is not None and len(delimiter) != 1:
            raise CsvError(f"the delimiter must be one character, not {delimiter!r}")
        self.delimiter = delimiter or _delimiter(first)
        self._line = 1
        self._first: str | None = first
        self._reader = csv.reader(self._fed(), delimiter=self.delimiter, strict=True)
        self.header = self._header()

    def __iter__(self) -> Iterator[Row]:
        while True:
            row = self._next()
            if row is None:
                return
            if any(cell.strip() for cell in row.cells):
                yield row

    def _header(self) -> list[str]:
        row = self._next()
        names = [cell.strip() for cell in row.cells] if row else []
        if len(names) > MAX_COLUMNS:
            raise CsvError(f"the header has {len(names)} columns; at most {MAX_COLUMNS}", 1)
        for position, name in enumerate(names, 1):
            if not name:
                raise CsvError(f"column {position} has no name in the header", 1)
            if fault := fault_of(name):
                raise CsvError(f"the name of column {position} {fault}", 1)
            if names.index(name) != position - 1:
                raise CsvError(f"the header names the column {name!r} twice", 1)
        return names

    def _next(self) -> Row | None:
        begins = self._reader.line_num + 1
        try:
            cells = next(self._reader, None)
        except csv.Error as error:
            raise CsvError(_explain(error), begins) from error
        return None if cells is None else Row(begins, cells)

    def _fed(self) -> Iterator[str]:
        assert self._first is not None
        yield self._first
        self._first = None
        yield from self._lines

    def _texts(self, lines: Iterable[bytes]) -> Iterator[str]:
        # What is not UTF-8 becomes lone surrogates, one per byte: the cell that holds them can be named, and written back
        # to the file of rejected rows byte for byte.
        for line in lines:
            yield line.decode("utf-8", "surrogateescape")

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.bytes_read += len(chunk)
            yield chunk


def fault_of(cell: str) -> str | None:
    """What makes a cell unreadable, or `None`."""
    if found := _SURROGATE.search(cell):
        byte = ord(found.group()) - 0xDC00
        return f"holds the byte 0x{byte:02X}, which is not UTF-8 here: save the file as UTF-8 or state its encoding"
    if "\x00" in cell:
        return "holds a NUL character"
    return None


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends. They end at line feeds only: a lone CR may stand inside a quoted cell."""
    rest = b""
    number = 0
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            yield line + b"\n"
        if len(rest) > MAX_LINE:
            raise CsvError(f"the line is longer than {MAX_LINE} bytes", number + 1)
    if rest:
        yield rest


def _as_utf8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes recoded to UTF-8 without a byte order mark; UTF-8 passes as it is, faults included. The first chunk holds the
    whole mark, if there is one."""
    source = iter(chunks)
    if encoding == "utf-8":
        yield next(source, b"").removeprefix(codecs.BOM_UTF8)
        yield from source
        return
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    number = 1
    try:
        for position, chunk in enumerate(source):
            text = decoder.decode(chunk)
            number += text.count("\n")
            yield text.removeprefix("\ufeff" if position == 0 else "").encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise CsvError(
            f"this is not {encoding}; state the file's true encoding ({type(error).__name__})", number
        ) from None


def _encoding(first: bytes, given: str | None) -> str:
    if given is None:
        marks = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
        return next((name for mark, name in marks if first.startswith(mark)), "utf-8")
    try:
        name = codecs.lookup(given).name
    except (LookupError, ValueError):
        name = ""
    if name not in _ACCEPTED:
        raise CsvError(f"the encoding {given!r} is not known here; use one of {', '.join(_ACCEPTED)}")
    return "utf-8" if name == "ascii" else name


def _delimiter(header: str) -> str:
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=bare.count)


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quotation mark is opened here and never closed"
    if "field larger" in text:
        return f"a cell is longer than {csv.field_size_limit()} characters; is a quotation mark not closed?"
    if "expected after" in text:
        return 'a quotation mark stands inside a quoted cell; write it twice ("")'
    if "new-line character" in text:
        return "a line ends with CR alone; save the file with LF or CR LF line ends"
    return text
