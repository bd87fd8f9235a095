"""The embedded defaults, registered through the same hooks as any plugin: no service is needed to run Bharat.

It sweeps the chosen file store once a day, too. A backend's module is imported when its provider is built, not when the
providers are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bharat.contracts.cache import Cache
from bharat.contracts.check import Finding
from bharat.contracts.jobs import Jobs
from bharat.contracts.limits import Limits
from bharat.contracts.locks import Locks
from bharat.contracts.mail import Mail
from bharat.contracts.platform import Platform
from bharat.contracts.provider import NoOptions, Provider
from bharat.contracts.realtime import Realtime
from bharat.contracts.route import Route
from bharat.contracts.sessions import Sessions
from bharat.contracts.storage import Storage
from bharat.contracts.vectors import Embeddings, Vectors
from bharat.contracts.work import CronEntry, JobSpec
from bharat.hookspecs import hookimpl
from bharat.local.options import FolderOptions, MemoryOptions, OutboxOptions, SharedFolderOptions


@hookimpl
def bharat_storage() -> Sequence[Provider[Storage, Any]]:
    return [
        Provider(
            "folder",
            FolderOptions,
            _folder,
            shared=False,
            summary="Files in a folder of this machine",
            check=_check_folder,
        ),
        Provider(
            "shared_folder",
            SharedFolderOptions,
            _shared_folder,
            shared=True,
            summary="Files in a folder all nodes mount",
            check=_check_folder,
        ),
    ]


@hookimpl
def bharat_sessions() -> Sequence[Provider[Sessions, Any]]:
    return [Provider("database", NoOptions, _sessions, shared=True, summary="Login sessions in the database")]


@hookimpl
def bharat_locks() -> Sequence[Provider[Locks, Any]]:
    return [Provider("database", NoOptions, _locks, shared=True, summary="Leases in the database")]


@hookimpl
def bharat_limits() -> Sequence[Provider[Limits, Any]]:
    return [Provider("database", NoOptions, _limits, shared=True, summary="Counters and token buckets in the database")]


@hookimpl
def bharat_queue() -> Sequence[Provider[Jobs, Any]]:
    return [Provider("database", NoOptions, _jobs, shared=True, summary="Workers look for jobs in the database")]


@hookimpl
def bharat_cache() -> Sequence[Provider[Cache, Any]]:
    return [
        Provider("memory", MemoryOptions, _memory, shared=False, summary="A bounded cache in each process"),
        Provider("off", NoOptions, _no_cache, shared=True, summary="No cache: everything is computed each time"),
    ]


@hookimpl
def bharat_mail() -> Sequence[Provider[Mail, Any]]:
    return [
        Provider(
            "file", OutboxOptions, _outbox, shared=False, summary="Mails as .eml files in a folder", check=_check_outbox
        ),
        Provider(
            "console",
            NoOptions,
            _console,
            shared=True,
            summary="Mails printed to standard output",
            check=_check_console,
        ),
    ]


@hookimpl
def bharat_realtime() -> Sequence[Provider[Realtime, Any]]:
    return [Provider("off", NoOptions, _no_realtime, shared=True, summary="No pushes: clients ask for news")]


@hookimpl
def bharat_vectors() -> Sequence[Provider[Vectors, Any]]:
    return [Provider("off", NoOptions, _no_vectors, shared=True, summary="No nearest-neighbour index")]


@hookimpl
def bharat_embeddings() -> Sequence[Provider[Embeddings, Any]]:
    return [
        Provider("ngrams", NoOptions, _ngrams, shared=True, summary="Names by their letters, without a model"),
        Provider("off", NoOptions, _no_embeddings, shared=True, summary="No embedding model"),
    ]


@hookimpl
def bharat_routes() -> Sequence[Route]:
    from bharat.local.storage_routes import ROUTES

    return ROUTES


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    from bharat.local.sweeping import FORMER, SWEEP

    return [SWEEP, FORMER]


@hookimpl
def bharat_cron() -> Sequence[CronEntry]:
    from bharat.local.sweeping import DAILY

    return [DAILY]


def _folder(options: FolderOptions, platform: Platform) -> Storage:
    from bharat.local.folder import FolderStorage

    return FolderStorage(options, platform)


def _shared_folder(options: SharedFolderOptions, platform: Platform) -> Storage:
    from bharat.local.folder import FolderStorage

    return FolderStorage(FolderOptions(root=options.root), platform)


def _sessions(options: NoOptions, platform: Platform) -> Sessions:
    from bharat.local.sessions import DatabaseSessions

    return DatabaseSessions(platform.database)


def _locks(options: NoOptions, platform: Platform) -> Locks:
    from bharat.local.locks import DatabaseLocks

    return DatabaseLocks(platform.database, platform.fences, platform.clock)


def _limits(options: NoOptions, platform: Platform) -> Limits:
    from bharat.local.limits import DatabaseLimits

    return DatabaseLimits(platform.database, platform.clock)


def _jobs(options: NoOptions, platform: Platform) -> Jobs:
    from bharat.local.jobs import DatabaseJobs

    return DatabaseJobs(platform)


def _memory(options: MemoryOptions, platform: Platform) -> Cache:
    from bharat.local.memory import MemoryCache

    return MemoryCache(options, platform)


def _no_cache(options: NoOptions, platform: Platform) -> Cache:
    from bharat.local.off import NoCache

    return NoCache()


def _outbox(options: OutboxOptions, platform: Platform) -> Mail:
    from bharat.local.mail import Outbox

    return Outbox(options, platform)


def _console(options: NoOptions, platform: Platform) -> Mail:
    from bharat.local.mail import Console

    return Console(platform.clock)


def _no_realtime(options: NoOptions, platform: Platform) -> Realtime:
    from bharat.local.off import NoRealtime

    return NoRealtime()


def _no_vectors(options: NoOptions, platform: Platform) -> Vectors:
    from bharat.local.off import NoVectors

    return NoVectors()


def _ngrams(options: NoOptions, platform: Platform) -> Embeddings:
    from bharat.local.ngrams import Ngrams

    return Ngrams()


def _no_embeddings(options: NoOptions, platform: Platform) -> Embeddings:
    from bharat.local.off import NoEmbeddings

    return NoEmbeddings()


def _check_folder(storage: Any, platform: Platform) -> Iterable[Finding]:
    from bharat.local.health import examine_folder

    return examine_folder(storage, platform)


def _check_outbox(mail: Any, platform: Platform) -> Iterable[Finding]:
    from bharat.local.health import examine_outbox

    return examine_outbox(mail, platform)


def _check_console(mail: Any, platform: Platform) -> Iterable[Finding]:
    from bharat.local.health import examine_console

    return examine_console(mail, platform)
