"""What must hold among all plugins together: nothing declared twice, nothing referred to that isn't there."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from bharat.contracts import spelling
from bharat.contracts.check import Check
from bharat.contracts.errors import PluginError
from bharat.contracts.migration import Migrations
from bharat.contracts.provider import Capability
from bharat.contracts.records import RecordType, Reference
from bharat.contracts.route import Route
from bharat.contracts.work import CronEntry, JobSpec
from bharat.plugins.items import Owned

ItemT = TypeVar("ItemT")

PLATFORM_TYPES = ("user", "team")
"""What a reference may name beside record types; the accounts room keeps them."""


PARTS = frozenset({*(each.value for each in Capability), "configuration", "database", "startup", "versions", "work"})
"""What `bharat doctor` and `/api/health` call Bharat's own parts."""


def check_unique(items: Iterable[Owned[ItemT]], key: Callable[[ItemT], Hashable], what: str) -> None:
    """Raise `PluginError` when two items share a key; `what` names it (`job kind`)."""
    seen: dict[Hashable, str] = {}
    for owned in items:
        value = key(owned.item)
        if value in seen:
            first, second = seen[value], owned.plugin
            who = f"plugin {first!r} twice" if first == second else f"both plugin {first!r} and plugin {second!r}"
            raise PluginError(f"the {what} {value} is declared by {who}; rename one, or disable one of the plugins")
        seen[value] = owned.plugin


def check_record_types(types: Sequence[Owned[RecordType]]) -> None:
    """Names and plurals are unique and not the platform's; every reference names a type that exists."""
    check_unique(types, lambda item: item.name, "record type")
    check_unique(types, lambda item: item.plural, "record type plural")
    known = [owned.item.name for owned in types] + list(PLATFORM_TYPES)
    for owned in types:
        if owned.item.name in PLATFORM_TYPES:
            raise PluginError(
                f"plugin {owned.plugin!r}: the record type {owned.item.name!r} is Bharat's own; rename it"
            )
        for field in owned.item.fields:
            if isinstance(field, Reference) and field.to not in known:
                near = spelling.nearest(field.to, known)
                hint = f"did you mean {near!r}?" if near else "enable the plugin that brings it"
                raise PluginError(
                    f"plugin {owned.plugin!r}: {owned.item.name}.{field.name} refers to the record type {field.to!r}, "
                    f"which no enabled plugin declares; {hint}"
                )


def check_health_checks(checks: Sequence[Owned[Check]]) -> None:
    """Names are unique, and not those under which Bharat tells of its own parts."""
    check_unique(checks, lambda check: check.name, "health check")
    for owned in checks:
        if owned.item.name.partition(".")[0] in PARTS:
            raise PluginError(
                f"plugin {owned.plugin!r}: the health check {owned.item.name!r} is named as a part of Bharat's own is; let its "
                f"name begin with that of the plugin"
            )


def check_routes(routes: Sequence[Owned[Route]]) -> None:
    """No two routes answer the same calls (`/a/{id}` and `/a/{key}` do) or share an operation id. The web room asks this
    again for plugins' routes and Bharat's own together."""
    check_unique(routes, lambda route: f"{route.method} {re.sub(r'{[^}]*}', '{}', route.path)}", "route")
    check_unique(routes, lambda route: route.operation_id, "operation id")


def check_work(jobs: Sequence[Owned[JobSpec]], cron: Sequence[Owned[CronEntry]]) -> None:
    """Kinds and cron names are unique, and a cron entry names a job that exists."""
    check_unique(jobs, lambda job: job.kind, "job kind")
    check_unique(cron, lambda entry: entry.name, "cron entry")
    kinds = [owned.item.kind for owned in jobs]
    for owned in cron:
        if owned.item.job not in kinds:
            near = spelling.nearest(owned.item.job, kinds)
            hint = f"did you mean {near!r}?" if near else "declare it with bharat_jobs"
            raise PluginError(
                f"plugin {owned.plugin!r}: the cron entry {owned.item.name!r} starts the job {owned.item.job!r}, "
                f"which no enabled plugin declares; {hint}"
            )


def in_order(migrations: Sequence[Migrations]) -> tuple[Migrations, ...]:
    """The order of the plugins, but each after those whose tables it refers to. Raises `PluginError` for one that isn't
    there and for a circle."""
    by_name = {item.plugin: item for item in migrations}
    done: dict[str, Migrations] = {}
    under_way: list[str] = []

    def place(item: Migrations) -> None:
        if item.plugin in done:
            return
        if item.plugin in under_way:
            circle = " -> ".join([*under_way[under_way.index(item.plugin) :], item.plugin])
            raise PluginError(f"the migrations of plugins wait for each other: {circle}; remove one `after`")
        under_way.append(item.plugin)
        for name in item.after:
            if name not in by_name:
                raise PluginError(
                    f"plugin {item.plugin!r}: its tables refer to those of plugin {name!r}, which is not enabled; "
                    f"add {name!r} to `plugins`, or disable {item.plugin!r}"
                )
            place(by_name[name])
        under_way.pop()
        done[item.plugin] = item

    for item in migrations:
        place(item)
    return tuple(done.values())
