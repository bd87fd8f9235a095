"""What plugins declare together: each thing once, and no reference into the void."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bharat.contracts.errors import PluginError
from bharat.plugins import Plugins
from tests.fixtures.distributions import Distributions

Message = Callable[..., str]
Load = Callable[..., Plugins]

IMPORTS = """
from bharat.contracts.check import *
from bharat.contracts.delivery import *
from bharat.contracts.integrations import *
from bharat.contracts.migration import *
from bharat.contracts.permission import *
from bharat.contracts.records import *
from bharat.contracts.route import *
from bharat.contracts.work import *
import click
import msgspec
import sqlalchemy
from pathlib import Path
def route(method, path, id):
    return Route(method=method, path=path, handler=print, access=Public(), summary="", tag="", operation_id=id)
def record(name, plural, *fields):
    return RecordType(name=name, plural=plural, title="name", fields=(Text("name"), *fields))
class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True): pass
def cron(name, job):
    return CronEntry(name=name, schedule="* * * * *", job=job, catch_up=CatchUp.SKIP)
"""


def code(hook: str, items: str) -> str:
    return f"{IMPORTS}\n@hookimpl\ndef {hook}(): return {items}\n"


ONCE = [
    ("bharat_record_types", "[record('deal', 'deals'), record('deal', 'dealz')]", "record type deal"),
    ("bharat_record_types", "[record('deal', 'deals'), record('offer', 'deals')]", "record type plural deals"),
    ("bharat_routes", "[route('GET', '/a/{id:uuid}', 'x'), route('GET', '/a/{key}', 'y')]", "route GET /a/{}"),
    ("bharat_routes", "[route('GET', '/a', 'x'), route('GET', '/b', 'x')]", "operation id x"),
    ("bharat_jobs", "[JobSpec(kind='k', run=print), JobSpec(kind='k', run=print)]", "job kind k"),
    ("bharat_subscribers", "[Subscriber(name='s', patterns=('*',), handle=print)] * 2", "subscriber s"),
    ("bharat_checks", "[Check(name='c', run=print)] * 2", "health check c"),
    ("bharat_permission_checks", "[PermissionCheck(name='p', allows=print, reason='')] * 2", "permission check p"),
    (
        "bharat_delivery_channels",
        "[DeliveryChannel(name='d', deliver=print, deduplicates=True)] * 2",
        "delivery channel d",
    ),
    ("bharat_integrations", "[Integration(name='i', label='', settings=Nothing)] * 2", "integration i"),
]


@pytest.mark.parametrize(("hook", "items", "what"), ONCE)
def test_nothing_is_declared_twice(plugin: Message, hook: str, items: str, what: str) -> None:
    assert plugin(code(hook, items)) == (
        f"the {what} is declared by plugin 'sample' twice; rename one, or disable one of the plugins"
    )


@pytest.mark.parametrize("name", ["database", "sessions", "work.clock"])
def test_a_health_check_is_not_named_as_a_part_of_bharat_s_own(plugin: Message, name: str) -> None:
    told = plugin(code("bharat_checks", f"[Check(name={name!r}, run=print)]"))
    assert f"plugin 'sample': the health check {name!r} is named as a part of Bharat's own is" in told


def test_two_plugins_that_declare_the_same_are_both_named(distributions: Distributions, refusal: Message) -> None:
    for name in ("one", "two"):
        distributions.add(name, code("bharat_jobs", "[JobSpec(kind='k', run=print)]"))
    assert refusal("one", "two") == (
        "the job kind k is declared by both plugin 'one' and plugin 'two'; rename one, or disable one of the plugins"
    )


def test_two_cron_entries_of_one_name_are_refused(plugin: Message) -> None:
    jobs = "\n@hookimpl\ndef bharat_jobs(): return [JobSpec(kind='k', run=print)]\n"
    assert "the cron entry nightly is declared by plugin 'sample' twice" in plugin(
        code("bharat_cron", "[cron('nightly', 'k'), cron('nightly', 'k')]") + jobs
    )


def test_two_commands_of_one_name_are_refused_when_they_are_asked_for(
    distributions: Distributions, load_plugins: Load
) -> None:
    distributions.add("sample", code("bharat_commands", "[click.Command('go'), click.Command('go')]"))
    plugins = load_plugins("sample")
    with pytest.raises(PluginError, match="the command go is declared by plugin 'sample' twice"):
        plugins.commands()


def test_a_cron_entry_for_an_unknown_job_is_refused(plugin: Message) -> None:
    jobs = "\n@hookimpl\ndef bharat_jobs(): return [JobSpec(kind='crm.remind', run=print)]\n"
    assert plugin(code("bharat_cron", "[cron('nightly', 'crm.remnd')]") + jobs) == (
        "plugin 'sample': the cron entry 'nightly' starts the job 'crm.remnd', which no enabled plugin declares; "
        "did you mean 'crm.remind'?"
    )


def test_a_reference_to_an_unknown_record_type_is_refused(plugin: Message) -> None:
    assert plugin(code("bharat_record_types", "[record('deal', 'deals', Reference('company', to='company'))]")) == (
        "plugin 'sample': deal.company refers to the record type 'company', which no enabled plugin declares; "
        "enable the plugin that brings it"
    )


def test_references_to_users_teams_itself_and_other_plugins_are_fine(
    distributions: Distributions, load_plugins: Load
) -> None:
    distributions.add(
        "one", code("bharat_record_types", "[record('company', 'companies', Reference('parent', to='company'))]")
    )
    fields = "Reference('company', to='company'), Reference('agent', to='user'), Reference('group', to='team')"
    distributions.add("two", code("bharat_record_types", f"[record('deal', 'deals', {fields})]"))
    plugins = load_plugins("two", "one")
    assert [(owned.plugin, owned.item.name) for owned in plugins.record_types()] == [
        ("two", "deal"),
        ("one", "company"),
    ]
    assert plugins.owner_of("company") == "one"


def test_a_record_type_named_like_the_platforms_own_is_refused(plugin: Message) -> None:
    assert plugin(code("bharat_record_types", "[record('user', 'people')]")) == (
        "plugin 'sample': the record type 'user' is Bharat's own; rename it"
    )


def test_migrations_of_a_plugin_with_record_types_lie_beside_its_module(
    distributions: Distributions, load_plugins: Load
) -> None:
    distributions.add("sample", code("bharat_record_types", "[record('deal', 'deals')]"))
    (migrations,) = load_plugins("sample").migrations()
    assert migrations.plugin == "sample"
    assert migrations.folder.name == "migrations"
    assert next(migrations.folder.parent.glob("sample_plugin_*.py")).is_file()


def with_tables(name: str, *after: str) -> str:
    made = f"Migrations(plugin={name!r}, folder=Path('/m'), metadata=sqlalchemy.MetaData(), after={after!r})"
    return code("bharat_migrations", made)


def test_migrations_come_in_the_order_of_plugins_but_after_those_they_need(
    distributions: Distributions, load_plugins: Load
) -> None:
    distributions.add("a", with_tables("a", "c"))
    distributions.add("b", with_tables("b"))
    distributions.add("c", with_tables("c"))
    assert [one.plugin for one in load_plugins("a", "b", "c").migrations()] == ["c", "a", "b"]
    assert all(one.folder == Path("/m") for one in load_plugins("a", "b", "c").migrations())


def test_migrations_that_need_each_other_are_refused(distributions: Distributions, refusal: Message) -> None:
    distributions.add("a", with_tables("a", "b"))
    distributions.add("b", with_tables("b", "a"))
    assert refusal("a", "b") == "the migrations of plugins wait for each other: a -> b -> a; remove one `after`"


def test_migrations_that_need_a_plugin_that_is_not_enabled_are_refused(plugin: Message) -> None:
    assert plugin(with_tables("sample", "crm")) == (
        "plugin 'sample': its tables refer to those of plugin 'crm', which is not enabled; add 'crm' to `plugins`, "
        "or disable 'sample'"
    )


def test_migrations_in_another_plugins_name_are_refused(plugin: Message) -> None:
    assert plugin(with_tables("crm")) == (
        "plugin 'sample': bharat_migrations names the plugin 'crm'; name 'sample' there"
    )
