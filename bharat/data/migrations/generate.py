"""Writes a plugin's next revision: the difference between its tables in code and the database at its newest revision."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import RevisionContext, compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import bharat.data
from bharat.data.engine import EngineOptions, create_engine
from bharat.data.migrations.protection import protect_new_tables
from bharat.data.migrations.runner import Migrator, version_table
from bharat.data.schema import Schema
from bharat.data.types import ExactDecimal, Instant

_TEMPLATE = Path(bharat.data.__file__).parent
# What Alembic's own environment sets by default, and this one, which has no env.py, must say.
_RENDERING = {
    "upgrade_token": "upgrades",
    "downgrade_token": "downgrades",
    "sqlalchemy_module_prefix": "sa.",
    "alembic_module_prefix": "op.",
    "user_module_prefix": None,
    "process_revision_directives": None,
}


def make_migration(schema: Schema, plugin: str, message: str) -> Path | None:
    """Write the revision file and return it; `None`, writing nothing, when code and migrations agree.

    Compares on a throw-away SQLite database that is first brought to the newest revisions."""
    line = schema.line(plugin)
    with _at_newest(schema) as connection:
        return _generate(connection, schema, line.folder, plugin, message)


def differences(schema: Schema) -> Mapping[str, Sequence[str]]:
    """What each plugin's tables in code have that its newest revision does not make, and the reverse, in words, by plugin;
    a plugin whose tables and revisions agree is left out. Compares as `make_migration` does, whatever database is configured."""
    found: dict[str, Sequence[str]] = {}
    with _at_newest(schema) as connection:
        for line in schema.lines:
            context = MigrationContext.configure(connection, opts=compare_options(schema, line.plugin))
            if words := list(_in_words(compare_metadata(context, schema.metadata))):
                found[line.plugin] = words
    return found


def told(found: Mapping[str, Sequence[str]]) -> list[str]:
    """The `differences` as one sentence per plugin. They matter because what the code reads or writes is then in no
    database, however often it is migrated."""
    return [
        f"tables of plugin {plugin!r} differ from its revisions ({_few(words)}): run `bharat makemigration {plugin}`"
        for plugin, words in found.items()
    ]


@contextmanager
def _at_newest(schema: Schema) -> Iterator[sa.Connection]:
    """A throw-away SQLite database that every revision has been run on."""
    with tempfile.TemporaryDirectory() as folder:
        options = EngineOptions(url=f"sqlite:///{folder}/compare.sqlite3")
        with closing(Migrator(schema, options)) as migrator:
            migrator.upgrade()
        engine = create_engine(options)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


_MOST_TOLD = 5


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - _MOST_TOLD} more" if len(words) > _MOST_TOLD else ""
    return ", ".join(words[:_MOST_TOLD]) + more


def _in_words(changes: Iterable[Any]) -> Iterator[str]:
    for change in changes:
        if isinstance(change, list):  # all that differs in one column
            yield f"change column {change[0][2]}.{change[0][3]}"
            continue
        kind, *what = change
        verb, _, thing = kind.partition("_")
        if thing == "column":
            yield f"{verb} column {what[1]}.{what[2].name}"
        elif thing == "table":
            yield f"{verb} table {what[0].name}"
        else:
            yield f"{verb} {_THINGS.get(thing, thing)} {what[0].name} of {what[0].table.name}"


_THINGS = {"fk": "foreign key", "index": "index", "constraint": "constraint"}


def compare_options(schema: Schema, plugin: str) -> dict[str, Any]:
    """How code and database are compared: this plugin's tables only."""
    own = {table.name for table in schema.tables_of(plugin)}
    foreign = set(schema.metadata.tables) - own

    def include(name: str | None, kind: str, parents: Any) -> bool:
        if kind != "table":
            return True
        return name in own or (name not in foreign and (name or "").startswith(f"{plugin}_"))

    def include_object(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        return kind != "table" or include(name, "table", None)

    return {
        "target_metadata": schema.metadata,
        "version_table": version_table(plugin),
        "include_name": include,
        "include_object": include_object,
        "compare_type": True,
        "render_as_batch": True,
        "render_item": _render_item,
    }


def _generate(connection: sa.Connection, schema: Schema, folder: Path, plugin: str, message: str) -> Path | None:
    folder.mkdir(parents=True, exist_ok=True)
    script = ScriptDirectory(str(_TEMPLATE), version_locations=[str(folder)])
    number = sum(1 for _ in script.walk_revisions()) + 1
    arguments = {
        "message": message, "autogenerate": True, "sql": False, "head": "head", "splice": False, "branch_label": None,
        "version_path": str(folder), "rev_id": f"{number:04d}", "depends_on": None,
    }  # fmt: skip
    found: list[bool] = []

    def directives(context: Any, revision: Any, scripts: list[Any]) -> None:
        found.append(not scripts[0].upgrade_ops.is_empty())
        protect_new_tables(scripts[0], schema.metadata)

    revision_context = RevisionContext(Config(), script, arguments, process_revision_directives=directives)
    context = MigrationContext.configure(connection, opts={**compare_options(schema, plugin), **_RENDERING})
    revision_context.run_autogenerate(script.get_heads(), context)
    if not found[0]:
        return None
    written = next(iter(revision_context.generate_scripts()))
    return Path(written.path) if written is not None else None


def _render_item(kind: str, item: Any, context: Any) -> Any:
    if kind == "type" and isinstance(item, Instant):
        context.imports.add("import bharat.data")
        return "bharat.data.Instant()"
    if kind == "type" and isinstance(item, ExactDecimal):
        context.imports.add("import bharat.data")
        return f"bharat.data.ExactDecimal({item.scale})"
    if kind == "type" and item is bharat.data.Document:
        context.imports.add("import bharat.data")
        return "bharat.data.Document"
    return False
