"""The walk bites: with any one protection taken away it finds a leak.

Each mutant names the line that it removes. Those of visibility run on SQLite, where they are the same as on PostgreSQL; those of
tenancy run on both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

import bharat.accounts.permissions as permissions
import bharat.records.export as exports
import bharat.records.importing.matching as matching
import bharat.records.writer as writer
from bharat.accounts.keys import live_keys, revoke_key
from bharat.accounts.permissions import Permissions
from bharat.app import Bharat, load_plugins
from bharat.contracts.principal import Visibility
from bharat.data import appending, statements, tenancy
from bharat.data.engine import create_engine
from bharat.data.tables import tenancy_of
from bharat.local.signed_urls import SignedUrls
from bharat.records.files.attached import Attached, by_id
from bharat.records.files.endpoints import FileEndpoints
from bharat.records.history import History
from bharat.records.lookups import Lookups
from bharat.records.queries import Queries
from bharat.records.writer import Writer
from tests.fixtures.application import OpenSite, Site
from tests.security.questions import questions
from tests.security.test_every_route import probes_of
from tests.security.walk import walk
from tests.security.world import World

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """`line`: what is taken away. Each of the `operations` alone must find the leak. `asks`: the calls of `questions.ASKING` in
    the product that the line is, or that answer for nothing without it."""

    line: str
    patch: Patch
    operations: tuple[str, ...]
    asks: tuple[str, ...] = ()


def _more(reached: Visibility) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        allowed = Permissions._allowed

        def widened(self: Permissions, role: Any, permission: str) -> Visibility:
            found = allowed(self, role, permission)
            return Visibility.ALL if found is reached else found

        monkeypatch.setattr(Permissions, "_allowed", widened)

    return patch


def _no_criterion(reached: Visibility) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        def widened(table: Any, visibility: Visibility) -> Any:
            return None if visibility is reached else permissions.visible_rows(table, visibility)

        monkeypatch.setattr("bharat.records.queries.visible_rows", widened)

    return patch


def _unfiltered_in(*functions: str) -> Patch:
    """`row_filter` lets everything through where these functions ask."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        row_filter = Permissions.row_filter

        def filter_(self: Permissions, *arguments: Any) -> Any:
            asking = sys._getframe(1).f_code.co_name
            return None if asking in functions else row_filter(self, *arguments)

        monkeypatch.setattr(Permissions, "row_filter", filter_)

    return patch


def _granted_in(name: str, answer: Any, *functions: str) -> Patch:
    """A question to `Permissions` is answered with `answer` where these functions ask."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        asked = getattr(Permissions, name)

        def granted(self: Permissions, *arguments: Any) -> Any:
            return answer if sys._getframe(1).f_code.co_name in functions else asked(self, *arguments)

        monkeypatch.setattr(Permissions, name, granted)

    return patch


def _all_rows_in(*functions: str) -> Patch:
    """`Queries.visibility` is everything where these functions ask."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        visibility = Queries.visibility

        def widened(self: Queries, *arguments: Any) -> Visibility:
            found = visibility(self, *arguments)
            return Visibility.ALL if sys._getframe(1).f_code.co_name in functions else found

        monkeypatch.setattr(Queries, "visibility", widened)

    return patch


def _as_system(owner: type, name: str, when: Callable[[dict[str, Any]], bool] = lambda _: True) -> Patch:
    """The method forgets for whom it works: with no principal, all rows are reached."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        method = getattr(owner, name)

        def forgetful(self: Any, reader: Any, principal: Any, *rest: Any, **more: Any) -> Any:
            return method(self, reader, None if when(more) else principal, *rest, **more)

        monkeypatch.setattr(owner, name, forgetful)

    return patch


def _set(owner: Any, name: str, value: Any) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


def _replace(name: str, value: Any) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(name, value)


def _show_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Queries.one
    monkeypatch.setattr(Queries, "one", lambda *arguments, **more: one(*arguments, **{**more, "deleted": None}))


def _list_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Queries, "_reach", lambda self, principal, selection, verb: self.visibility(principal, verb))


def _everybodys_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bharat.accounts.routes.keys.live_keys", lambda owner_id=None: live_keys(None))
    monkeypatch.setattr(
        "bharat.accounts.routes.keys.revoke_key", lambda unit, id, owner_id: revoke_key(unit, id, owner_id=None)
    )


MUTANTS = (
    Mutant("permissions: an agent's _OWN in the table of records", _more(Visibility.OWN), ("list_deals", "update_deal")),
    Mutant("permissions: a manager's _TEAM in the table of records", _more(Visibility.TEAM), ("list_deals", "update_deal")),
    Mutant(
        "queries: visible_rows for OWN", _no_criterion(Visibility.OWN),
        ("list_deals", "read_deal", "total_deals", "export_deals", "list_deal_history", "update_deal", "delete_deal", "restore_deal", "bulk_deals", "search"),
        asks=("records/queries.py Queries._limited visible_rows", "records/queries.py Queries._one visible_rows"),
    ),
    Mutant(
        "queries: visible_rows for TEAM", _no_criterion(Visibility.TEAM),
        ("list_deals", "read_deal", "total_deals", "export_deals", "list_deal_history", "update_deal", "delete_deal", "restore_deal", "bulk_deals", "search"),
        asks=("records/queries.py Queries._limited visible_rows", "records/queries.py Queries._one visible_rows"),
    ),
    Mutant("Queries.page for lists", _as_system(Queries, "page", lambda more: more.get("verb") != "export"), ("list_deals", "search")),
    Mutant("Queries.page for exports", _as_system(Queries, "page", lambda more: more.get("verb") == "export"), ("export_deals",)),
    Mutant("Queries.count, the total of a list", _as_system(Queries, "count"), ("list_deals",)),
    Mutant("Queries.totals", _as_system(Queries, "totals"), ("total_deals",)),
    Mutant("Queries.one for reading", _as_system(Queries, "one", lambda more: "lock" not in more), ("read_deal", "list_deal_history"), asks=("records/queries.py Queries.one visibility",)),
    Mutant("Queries.one: deleted_at IS NULL", _show_deleted, ("read_deal",)),
    Mutant("Queries._reach: deleted rows need the permission to delete", _list_deleted, ("list_deals", "total_deals", "export_deals"), asks=("records/queries.py Queries._reach visibility",)),
    Mutant("Queries._context: a cursor belongs to an organisation", _set(Queries, "_context", lambda *_: ""), ("list_deals",)),
    Mutant("History._visible", _set(History, "_visible", lambda *_: True), ("list_deal_history",)),
    Mutant("Writer._current", _as_system(Writer, "_current"), ("update_deal", "delete_deal", "bulk_deals")),
    Mutant("Writer.restore", _as_system(Writer, "restore"), ("restore_deal",)),
    Mutant("writer: reaches, who may be made the owner", _set(writer, "reaches", lambda *_, **__: True), ("create_deal", "update_deal", "bulk_deals"), asks=("records/writer.py Writer.create reaches", "records/writer.py Writer.update reaches",)),
    Mutant("Lookups._reach, what may be referred to", _set(Lookups, "_reach", lambda *_: Visibility.ALL), ("create_deal",), asks=("records/lookups.py Lookups._reach visibility", "records/lookups.py Lookups._exists visible_rows",)),
    Mutant("importing.matching: rows_of, which rows an import finds", _set(matching, "rows_of", lambda *_: None), ("import_deals",), asks=("records/importing/matching.py Matcher.__init__ rows_of",)),
    Mutant("importing.references: row_filter, which names an import finds", _unfiltered_in("__init__"), ("import_deals",), asks=("records/importing/references.py Names.__init__ row_filter",)),
    Mutant("export: the titles of what a record refers to", _set(exports, "_visible", lambda *_: None), ("export_contacts",), asks=("records/export.py _visible row_filter",)),
    Mutant("crm reports: row_filter in report", _unfiltered_in("report"), ("report_pipeline",), asks=("bharat_crm/reports.py report row_filter",)),
    Mutant("crm reports: row_filter in _visible, for moves", _unfiltered_in("_visible"), ("list_deal_moves",), asks=("bharat_crm/reports.py _visible row_filter",)),
    Mutant(
        "Permissions.require", _set(Permissions, "require", lambda *_: None),
        ("create_user", "update_organisation", "list_audit_entries", "list_invitations", "delete_custom_field"),
        asks=("web/dispatch.py Endpoint.respond require",),
    ),
    Mutant("permissions: in_scope", _set(permissions, "in_scope", lambda *_: True), ("list_deals", "create_deal", "list_users")),
    Mutant("users: an address is for administrators and oneself", _granted_in("allows", True, "_shown"), ("list_users",), asks=("accounts/routes/users.py _shown allows",)),
    Mutant("keys: whose key may be revoked", _granted_in("allows", True, "revoke"), ("revoke_api_key",), asks=("accounts/routes/keys.py revoke allows",)),
    Mutant("keys: require, everyone's keys are for administrators", _granted_in("require", None, "list_keys"), ("list_api_keys",), asks=("accounts/routes/keys.py list_keys require",)),
    Mutant("records.routes: _require_read", _granted_in("require", None, "_require_read"), ("update_deal", "restore_deal"), asks=("records/routes.py Endpoints._require_read require",)),
    Mutant("export: allows, whether titles are shown at all", _granted_in("allows", True, "_visible"), ("export_contacts",), asks=("records/export.py _visible allows",)),
    Mutant("importer: visibility, the rows of the importer", _all_rows_in("run"), ("import_deals",), asks=("records/importing/importer.py Importer.run visibility",)),
    Mutant("importer: require, who may make teams", _granted_in("require", None, "_creation"), ("import_deals",), asks=("records/importing/importer.py Importer._creation require",)),
    Mutant("Writer.create: visibility", _all_rows_in("create"), ("create_deal", "bulk_deals"), asks=("records/writer.py Writer.create visibility",)),
    Mutant("Writer.update: visibility", _all_rows_in("update"), ("update_deal", "bulk_deals"), asks=("records/writer.py Writer.update visibility",)),
    Mutant("Queries.visibility", _set(Queries, "visibility", lambda *_: Visibility.ALL), ("list_deals", "read_deal", "create_deal", "update_deal"), asks=("records/queries.py Queries.visibility visibility",)),
    Mutant(
        "Permissions.row_filter: rows_of", _set(permissions, "rows_of", lambda *_: None), ("report_pipeline", "list_deal_moves", "export_contacts"),
        asks=("accounts/permissions.py Permissions.row_filter visibility", "accounts/permissions.py Permissions.row_filter rows_of"),
    ),
    Mutant("keys: whose keys", _everybodys_keys, ("list_api_keys", "revoke_api_key")),
    Mutant("keys: session_of, a key makes no keys", _replace("bharat.accounts.routes.keys.session_of", lambda request: (request.principal, "")), ("create_api_key",)),
    Mutant(
        "FileEndpoints._record", _set(FileEndpoints, "_record", lambda _, request, *__, **___: request.path["id"]),
        ("list_deal_files", "read_deal_file", "download_deal_file", "show_deal_thumbnail", "link_deal_file", "upload_deal_file", "begin_deal_upload",
         "complete_deal_upload", "delete_deal_file"),
    ),
    Mutant(
        "Attached.one, the file of this record", _set(Attached, "one", lambda _, reader, __, file: by_id(reader, file)),
        ("read_deal_file", "download_deal_file", "show_deal_thumbnail", "link_deal_file"),
    ),
    Mutant("SignedUrls._check", _set(SignedUrls, "_check", lambda *_: None), ("storage_download", "storage_upload")),
)  # fmt: skip

NOT_IN_THE_WALK: Mapping[str, str] = {
    "cli/templates/records/summary.py _summary row_filter": "a template for plugins, and no route of this product",
    "bharat_crm/reports.py report visibility": "names, not deals: test_pipeline_report.py has a key that may not read them, and a mutant",
    "records/export.py _Titles.__init__ allows": "names of users and teams, not records: tests/records/test_export.py",
    "records/importing/references.py _seeing allows": "addresses of users, not records: tests/records/importing/test_importer.py, and a mutant",
    "records/queries.py Queries._held visible_rows": "it holds rows against others and shows none",
    "records/queries.py Queries.hold visibility": "it holds rows against others and shows none",
    "accounts/permissions.py Permissions.hold allows": "it tells what one may do and lets nobody do it",
    "accounts/permissions.py Permissions._refusal allows": "a plugin's own check: tests/docs/test_hooks.py has it refuse",
    "search/finding.py find visibility": "keys that may read some types: tests/search/test_permissions.py; and `Queries.page` asks it again",
    "cli/importing.py _run require": "the command line, not a route: tests/cli/test_importing.py has it refuse",
    "records/bulk.py Bulk.run require": "`Writer.delete` asks it again of each record: it refuses before the first is looked at",
    "records/queries.py Queries.visibility require": "it finds the words of a refusal, which the next line raises without it too",
    "records/transfer.py Transfer.export visibility": "`Queries.page` asks it again: it refuses before more is looked up",
}
"""Questions that have no mutant, each with the reason."""

ACROSS = (
    "report_pipeline", "list_deals", "read_deal", "total_deals", "export_deals", "list_deal_history", "update_deal", "delete_deal", "restore_deal",
    "bulk_deals", "import_deals", "create_deal", "list_deal_moves", "list_users", "read_user", "update_user",
    "list_teams", "read_team", "delete_team", "list_custom_fields", "read_custom_field", "list_invitations", "revoke_invitation",
    "list_audit_entries", "list_api_keys", "revoke_api_key", "list_deal_files", "read_deal_file", "delete_deal_file", "search",
)  # fmt: skip
"""Operations that another organisation's rows show in when nothing keeps them out."""


@pytest.fixture
def world(open_site: OpenSite) -> World:
    return World(open_site("crm"))


def _leaks(world: World, operation: str) -> bool:
    return bool(walk(world, probes_of(world, {operation}), first=True).leaks)


def test_every_question_has_a_mutant_or_a_reason_for_none() -> None:
    answered = {question for mutant in MUTANTS for question in mutant.asks}
    assert not answered & NOT_IN_THE_WALK.keys()
    lacking = {*questions()} - answered - NOT_IN_THE_WALK.keys()
    assert not lacking, f"add a Mutant whose `asks` names each, or a reason to NOT_IN_THE_WALK: {sorted(lacking)}"
    gone = {*answered, *NOT_IN_THE_WALK} - {*questions()}
    assert not gone, f"the product asks these no more: {sorted(gone)}"


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.line)
def test_without_it_the_walk_fails(mutant: Mutant, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The protected line is the mutant's `line`."""
    mutant.patch(monkeypatch)
    assert [operation for operation in mutant.operations if not _leaks(world, operation)] == []


@pytest.fixture
def no_code_scoping(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The application, started anew on the same data, limits no statement to an organisation."""
    monkeypatch.setattr(tenancy, "_criteria", lambda limits: ())
    _forget_statements()
    site = world.site
    app = Bharat(site.app.config, load_plugins(site.app.config), site.app.clock)
    world.site = Site(app, site.owner)
    yield
    app.close()
    world.site = site
    _forget_statements()


def _forget_statements() -> None:
    for known in (tenancy._known, tenancy._scopes, statements._known, statements._guards):
        known.clear()
    appending._combined.cache_clear()


@pytest.fixture
def no_row_level_security(world: World) -> None:
    """The owner of the tables switches their policies off."""
    assert world.site.owner is not None
    engine = create_engine(world.site.owner)
    preparer = engine.dialect.identifier_preparer
    with engine.begin() as connection:
        for table in world.site.app.schema.metadata.sorted_tables:
            if tenancy_of(table) == "organisation":
                connection.execute(sa.text(f"ALTER TABLE {preparer.format_table(table)} DISABLE ROW LEVEL SECURITY"))
    engine.dispose()


def _found(world: World) -> list[str]:
    return [operation for operation in ACROSS if _leaks(world, operation)]


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.usefixtures("no_code_scoping")
def test_row_level_security_alone_keeps_organisations_apart(world: World) -> None:
    assert _found(world) == []


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.usefixtures("no_row_level_security")
def test_the_code_alone_keeps_organisations_apart(world: World) -> None:
    assert _found(world) == []


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.usefixtures("no_code_scoping")
def test_without_the_codes_scoping_sqlite_leaks(world: World) -> None:
    """The protected line: `tenancy._criteria`, which `scoped` adds to every statement."""
    assert _found(world) == list(ACROSS)


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.usefixtures("no_row_level_security", "no_code_scoping")
def test_without_both_postgresql_leaks(world: World) -> None:
    """The protected lines: `tenancy._criteria`, and the policies that `ProtectTable` makes."""
    assert _found(world) == list(ACROSS)
