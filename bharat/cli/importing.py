"""`bharat import`: a CSV file into records, or users."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from stat import S_ISREG
from typing import IO, TYPE_CHECKING, Any

import click

from bharat.cli.base import Runtime, pass_runtime, show_json
from bharat.cli.parameters import pairs, type_called
from bharat.cli.whole_file import whole_file
from bharat.contracts.errors import BharatError, Invalid

if TYPE_CHECKING:
    from bharat.app import Bharat
    from bharat.contracts.database import Unit
    from bharat.contracts.principal import Principal
    from bharat.records.importing import Counts, CsvFile, ImportOptions, Rejected
    from bharat.records.importing.importer import Units

USERS = ("user", "users")
_CHUNK = 64 * 1024
_SHOWN = 10


def _words(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


@click.command("import")
@click.argument("type_", metavar="TYPE")
@click.argument("file", type=click.File("rb"))
@click.option("--org", metavar="SLUG", help="The organisation; may be left out when there is only one.")
@click.option("--as", "as_email", metavar="EMAIL", help="Import as this user, within what the role may do.")
@click.option(
    "--map", "columns", multiple=True, metavar="COLUMN=FIELD", callback=pairs("=>", "COLUMN=FIELD"),
    help="Which field a column fills; a column may fill several. `FIELD.OTHER` looks a record up by another field. Repeatable.",
)  # fmt: skip
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Leave a column out; repeatable.")
@click.option(
    "--key", multiple=True, metavar="FIELD[,FIELD]", callback=_words,
    help="What tells that a row is there already: it is updated then. Else every row is new. Repeatable.",
)  # fmt: skip
@click.option("--null", "nulls", multiple=True, metavar="WORD", help="A word that means an empty cell; repeatable.")
@click.option(
    "--alias", "aliases", multiple=True, metavar="FIELD:WORD=OTHER", callback=pairs(":", "FIELD:WORD=OTHER"),
    help="Read WORD as OTHER in the cells of a field; repeatable.",
)  # fmt: skip
@click.option("--currency", metavar="CODE", help="For amounts without a currency, such as USD.")
@click.option("--date-format", metavar="FORMAT", help="How dates are written: DD-MM-YYYY, MM/DD/YYYY, %d.%m.%y …")
@click.option(
    "--default", "defaults", multiple=True, metavar="FIELD=VALUE", callback=pairs("=", "FIELD=VALUE"),
    help="What empty cells and missing columns mean; repeatable.",
)  # fmt: skip
@click.option(
    "--create-missing",
    multiple=True,
    metavar="FIELD",
    help="Create what this reference names and isn't there; repeatable.",
)
@click.option("--encoding", metavar="NAME", help="The file's encoding; UTF-8 unless it says otherwise itself.")
@click.option("--delimiter", metavar="CHARACTER", help="What separates cells; found in the header by itself.")
@click.option("--batch", type=click.IntRange(1, 10_000), default=500, show_default=True, help="Rows a transaction.")
@click.option("--dry-run", is_flag=True, help="Do everything, then take it back.")
@click.option(
    "--errors", type=click.Path(path_type=Path, dir_okay=False), metavar="CSV", help="Write the rejected rows here."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def import_(
    runtime: Runtime, /, *, type_: str, file: IO[bytes], org: str | None, as_email: str | None, errors: Path | None,
    as_json: bool, delimiter: str | None, **options: Any,
) -> int:  # fmt: skip
    """Import records of TYPE, or `users`, from a CSV FILE (`-`: standard input).

    Rows that can't be imported are told and do not hold up the others; the exit code is 1 when there are any. With --key,
    importing a file again changes nothing. docs/importing.md explains every option with examples."""

    from bharat.cli.acting import organisation_called, user_with_address
    from bharat.contracts.principal import SYSTEM
    from bharat.records.importing import CsvFile

    chosen = _options(delimiter="\t" if delimiter in ("\\t", "tab") else delimiter, **options)
    with runtime.application() as app, ExitStack() as stack:
        organisation_id = organisation_called(app.database, org)
        principal = user_with_address(app.database, organisation_id, as_email) if as_email else None
        name = type_ if type_ in USERS else type_called(app, type_)
        csv_file = CsvFile(_chunks(file), encoding=chosen.encoding, delimiter=chosen.delimiter)
        if errors is not None:
            _refuse_loss(file, csv_file.header, errors, chosen)
        actor = principal.actor if principal else SYSTEM
        open_unit: Callable[[], AbstractContextManager[Unit]] = lambda: app.database.write(organisation_id, actor)  # noqa: E731 - one expression, passed on
        told = stack.enter_context(_rejected_rows(errors, csv_file))
        line = _ProgressLine(file, csv_file, shown=not as_json)
        try:
            if chosen.dry_run:
                with _taken_back(open_unit) as units:
                    counts = _run(app, name, principal, chosen, csv_file, units, told.add, line.show)
            else:
                counts = _run(app, name, principal, chosen, csv_file, open_unit, told.add, line.show)
        except Invalid as error:
            raise _by_options(error) from error
        finally:
            line.clear()
    _report(type_, counts, told.shown, chosen, errors, as_json)
    return 1 if counts.rejected else 0


def _by_options(error: Invalid) -> BharatError:
    """The error with the options of this command for each column that fills nothing."""
    from bharat.records.importing.columns import MAP_OR_IGNORE

    told = []
    for fault in error.faults:
        detail, name = fault.detail, fault.path.removeprefix("column ")
        if detail.endswith(MAP_OR_IGNORE):
            reason, _, hint = detail.removesuffix(f"; {MAP_OR_IGNORE}").partition("; ")
            near = hint.removeprefix("did you mean ").rstrip("?") if hint.startswith("did you mean ") else "FIELD"
            ways = f"`--map {shlex.quote(f'{name}={near}')}` or `--ignore {shlex.quote(name)}`"
            detail = f"{reason}: use {ways}{'' if near != 'FIELD' else f'; {hint}'}"
        told.append(detail)
    return BharatError("; ".join(told)) if any("`--map " in detail for detail in told) else error


def _options(**given: Any) -> ImportOptions:
    from bharat.records.importing import ImportOptions

    columns: dict[str, tuple[str, ...]] = {}
    for column, target in given.pop("columns"):
        columns[column] = (*columns.get(column, ()), target)
    aliases: dict[str, dict[str, str]] = {}
    for target, words in given.pop("aliases"):
        word, equals, other = words.partition("=")
        if not equals or not word.strip():
            raise click.UsageError(f"--alias {target}:{words} is not FIELD:WORD=OTHER")
        aliases.setdefault(target, {})[word.strip()] = other.strip()
    for name in ("ignore", "nulls", "create_missing"):
        given[name] = frozenset(given[name])
    given["defaults"] = dict(given["defaults"])
    return ImportOptions(columns=columns, aliases=aliases, **given)


def _run(
    app: Bharat,
    name: str,
    principal: Principal | None,
    options: ImportOptions,
    file: CsvFile,
    units: Units,
    rejected: Callable[[Rejected], None],
    progress: Callable[[Counts], None],
) -> Counts:
    from bharat.records.importing import Importer
    from bharat.records.importing.users import import_users

    if name in USERS:
        if principal is not None:
            app.permissions.require(principal, "users:import")
        return import_users(file, units, options, rejected=rejected, progress=progress)
    importer = Importer(app.records, name, principal, options)
    return importer.run(file, units, rejected=rejected, progress=progress)


class _TakeBack(Exception):
    """Ends a dry run's transaction."""


@contextmanager
def _taken_back(open_unit: Callable[[], AbstractContextManager[Unit]]) -> Iterator[Units]:
    """One unit for everything, rolled back at the end: rows see the rows before them, and nothing stays."""
    try:
        with open_unit() as unit:
            yield lambda: nullcontext(unit)
            raise _TakeBack
    except _TakeBack:
        pass


class _Told:
    """Rejected rows: the first few kept to be shown, all written to the file when there is one."""

    def __init__(self, write: Callable[[Rejected], None] | None) -> None:
        self.shown: list[Rejected] = []
        self._write = write

    def add(self, rejected: Rejected) -> None:
        if len(self.shown) < _SHOWN:
            self.shown.append(rejected)
        if self._write is not None:
            self._write(rejected)


def _refuse_loss(file: IO[bytes], header: Sequence[str], errors: Path, options: ImportOptions) -> None:
    """A file of rejected rows may be replaced by those that are rejected again: the others are records by then. Any other
    file, and one that is only tried out, holds what is nowhere else. Raises `click.UsageError`."""
    from bharat.records.importing.rejects import holds_rejected_rows

    if not _is_same(file, errors):
        return
    if options.dry_run:
        raise click.UsageError(
            "a dry run would leave only the rejected rows of the file; write --errors to another file"
        )
    if not holds_rejected_rows(header):
        raise click.UsageError(
            f"--errors {errors} is the file to be imported, and only its rejected rows would be left; name another file"
        )


def _is_same(file: IO[bytes], path: Path) -> bool:
    """Whether both are one file, by whatever names and links: standard input has none."""
    try:
        there = path.stat()
        return S_ISREG(there.st_mode) and os.path.samestat(os.fstat(file.fileno()), there)
    except OSError:
        # There is no such file yet, or what is read is no file.
        return False


@contextmanager
def _rejected_rows(path: Path | None, source: CsvFile) -> Iterator[_Told]:
    from bharat.records.importing.rejects import RejectedRows

    if path is None:
        yield _Told(None)
        return
    with whole_file(path) as file, closing(RejectedRows(file, source)) as rows:
        yield _Told(rows.add)


class _ProgressLine:
    """A line on stderr that is written over, when stderr is a terminal and people read it."""

    def __init__(self, file: IO[bytes], csv_file: CsvFile, *, shown: bool) -> None:
        self._csv_file = csv_file
        self._shown = shown and sys.stderr.isatty()
        self._size = 0
        if self._shown and file.seekable():
            at = file.tell()
            self._size = file.seek(0, 2)
            file.seek(at)

    def show(self, counts: Counts) -> None:
        if self._shown:
            part = f" ({min(100, 100 * self._csv_file.bytes_read // self._size)} %)" if self._size else ""
            click.echo(f"\r{counts.rows} rows{part}, {counts.rejected} rejected", err=True, nl=False)

    def clear(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)


def _report(
    type_: str, counts: Counts, shown: Sequence[Rejected], options: ImportOptions, errors: Path | None, as_json: bool
) -> None:
    if as_json:
        import msgspec

        from bharat.records.importing.answers import result_of

        found = msgspec.to_builtins(result_of(counts, shown, dry_run=options.dry_run))
        show_json({**found, "errors_file": str(errors) if errors else None})
        return
    for rejected in shown:
        for fault in rejected.faults:
            where = f"column {fault.column}: " if fault.column else ""
            click.echo(f"line {rejected.line}: {where}{fault.reason}", err=True)
    if counts.rejected > len(shown):
        click.echo(f"… and {counts.rejected - len(shown)} more rejected rows", err=True)
    trial = "dry run, nothing was changed: " if options.dry_run else ""
    click.echo(
        f"{trial}{type_}: {counts.rows} rows: {counts.created} created, {counts.updated} updated, "
        f"{counts.unchanged} unchanged, {counts.rejected} rejected"
    )
    if counts.skipped_columns:
        click.echo(f"columns that Bharat sets itself were passed over: {', '.join(counts.skipped_columns)}")
    if errors is not None and counts.rejected:
        click.echo(f"the rejected rows are in {errors}: correct them there and import that file")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
