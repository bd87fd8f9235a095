"""Every extension point of Bharat. A plugin implements those it needs, marked with `@bharat.hookimpl`.

Hooks are called while the application is assembled, never during a request; what they return is collected once, in the
order in which the configuration names the plugins. A plugin may live in any installed distribution that declares an entry
point in the group `bharat.plugins`; the entry point names the module (or object) that holds the implementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pluggy

if TYPE_CHECKING:
    import click
    import msgspec

    from bharat.contracts.application import Application
    from bharat.contracts.cache import Cache
    from bharat.contracts.check import Check
    from bharat.contracts.delivery import DeliveryChannel
    from bharat.contracts.integrations import Integration
    from bharat.contracts.jobs import Jobs
    from bharat.contracts.limits import Limits
    from bharat.contracts.locks import Locks
    from bharat.contracts.mail import Mail
    from bharat.contracts.migration import Migrations
    from bharat.contracts.permission import PermissionCheck
    from bharat.contracts.provider import Provider
    from bharat.contracts.realtime import Realtime
    from bharat.contracts.records import RecordType
    from bharat.contracts.route import Route
    from bharat.contracts.sessions import Sessions
    from bharat.contracts.storage import Storage
    from bharat.contracts.vectors import Embeddings, Vectors
    from bharat.contracts.work import CronEntry, JobSpec, Subscriber

PROJECT = "bharat"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# Capabilities: each hook returns the providers that the plugin offers; the configuration chooses one by name.


@hookspec
def bharat_storage() -> Sequence[Provider[Storage, Any]] | None:
    """Offer homes for files. Suite: `bharat.testing.storage.StorageSuite`."""


@hookspec
def bharat_sessions() -> Sequence[Provider[Sessions, Any]] | None:
    """Offer homes for login sessions. Suite: `bharat.testing.sessions.SessionsSuite`."""


@hookspec
def bharat_locks() -> Sequence[Provider[Locks, Any]] | None:
    """Offer leases. Suite: `bharat.testing.locks.LocksSuite`."""


@hookspec
def bharat_cache() -> Sequence[Provider[Cache, Any]] | None:
    """Offer a cache. Suite: `bharat.testing.cache.CacheSuite`."""


@hookspec
def bharat_limits() -> Sequence[Provider[Limits, Any]] | None:
    """Offer counters and token buckets. Suite: `bharat.testing.limits.LimitsSuite`."""


@hookspec
def bharat_realtime() -> Sequence[Provider[Realtime, Any]] | None:
    """Offer pushes to connected clients."""


@hookspec
def bharat_queue() -> Sequence[Provider[Jobs, Any]] | None:
    """Offer a way to wake workers (capability `jobs`). Suite: `bharat.testing.jobs.JobsSuite`."""


@hookspec
def bharat_vectors() -> Sequence[Provider[Vectors, Any]] | None:
    """Offer a nearest-neighbour index. Suite: `bharat.testing.vectors.VectorsSuite`."""


@hookspec
def bharat_embeddings() -> Sequence[Provider[Embeddings, Any]] | None:
    """Offer a way to turn texts into vectors. Suite: `bharat.testing.embeddings.EmbeddingsSuite`."""


@hookspec
def bharat_mail() -> Sequence[Provider[Mail, Any]] | None:
    """Offer a way to send mail. Suite: `bharat.testing.mail.MailSuite`."""


# What the plugin adds to the product.


@hookspec(firstresult=False)
def bharat_settings() -> type[msgspec.Struct] | None:
    """Declare the plugin's own settings: a frozen Struct with `forbid_unknown_fields=True` whose fields are the keys of the
    configuration section `[plugin.<name>]`. Read back as `app.settings(name)`."""


@hookspec
def bharat_record_types() -> Sequence[RecordType] | None:
    """Add record types; each gets table, REST, OpenAPI, events, import and export."""


@hookspec
def bharat_routes() -> Sequence[Route] | None:
    """Add endpoints. Each states who may call it."""


@hookspec
def bharat_jobs() -> Sequence[JobSpec] | None:
    """Add kinds of background job."""


@hookspec
def bharat_cron() -> Sequence[CronEntry] | None:
    """Add jobs that run by the clock."""


@hookspec
def bharat_subscribers() -> Sequence[Subscriber] | None:
    """Add receivers of events."""


@hookspec
def bharat_commands() -> Sequence[click.Command] | None:
    """Add subcommands to `bharat`. Called when the command line starts, with the plugin enabled."""


@hookspec
def bharat_checks() -> Sequence[Check] | None:
    """Add live health checks."""


@hookspec
def bharat_permission_checks() -> Sequence[PermissionCheck] | None:
    """Add rules that may further restrict what a principal does; none can widen it."""


@hookspec
def bharat_migrations() -> Migrations | None:
    """Say where the plugin's migrations lie and which tables it defines by hand. A plugin that only adds record types may
    leave it out: then its migrations lie in the folder `migrations` beside its module."""


@hookspec
def bharat_delivery_channels() -> Sequence[DeliveryChannel] | None:
    """Add ways to reach people beside e-mail."""


@hookspec
def bharat_integrations() -> Sequence[Integration] | None:
    """Add services that organisations connect to: settings of each organisation with encrypted secrets, and signed webhooks."""


@hookspec
def bharat_demo(app: Application, organisation_id: UUID, admin_id: UUID) -> None:
    """Add sample records to a demo organisation that was just made, in the name of its administrator."""


@hookspec
def bharat_startup(app: Application) -> None:
    """Called once per process after every provider is built, before the first request or job."""


@hookspec
def bharat_close(app: Application) -> None:
    """Called when the process ends, in reverse order of `bharat_startup`; also when a later startup failed."""
