"""What `bharat doctor` looks at, in rounds: the configuration; the database; each capability; and what needs all of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import msgspec

from bharat.app import Bharat, engine_options, schema_of
from bharat.cli.base import Runtime
from bharat.cli.probes import PROBES
from bharat.cli.redaction import redactor
from bharat.config import Config, Secret
from bharat.config.health import examine_config
from bharat.contracts.check import Check, Finding, Status
from bharat.contracts.errors import BharatError
from bharat.contracts.provider import Capability
from bharat.data.clock import OffsetClock
from bharat.data.engine import create_engine, parse_url
from bharat.data.health import Processes, examine_database
from bharat.plugins import Plugins
from bharat.plugins.examining import Examination, Examined, Examiner
from bharat.plugins.health import examine_versions, unused_plugins
from bharat.web.keys import FILE
from bharat.work.health import examine_work

OFF = "off"
"""How a provider is called that stands for doing without the capability."""
_NOT_LOOKED_AT = Finding(Status.DEGRADED, "not looked at, because of what failed above", "see to that first")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What runs on all nodes together, and how far to go. `workers` `None` is one, or none where the server runs one itself.
    `running` says that workers and a clock should be there. Each part may take `limit`."""

    servers: int = 1
    processes: int = 1
    workers: int | None = None
    clocks: int = 0
    running: bool = True
    limit: timedelta = timedelta(seconds=10)


def conduct(runtime: Runtime, extent: Extent, clock: OffsetClock | None = None) -> Sequence[Examined]:
    """Every part with what was found. What is wrong is a finding and raises nothing; no finding holds a secret."""
    try:
        config = runtime.config
    except BharatError as error:
        return [Examined("configuration", (Finding(Status.FAILED, str(error), "correct it: nothing starts"),))]
    plugins, problem = None, ""
    try:
        plugins = runtime.plugins
    except BharatError as error:
        problem = str(error)
    found = _Node(config, plugins, problem, extent, clock or OffsetClock()).examine()
    return _without_secrets(found, redactor(config, plugins))


class _Node:
    """A node whose configuration can be read. `plugins` is `None` where a `problem` with them stops it from starting."""

    def __init__(
        self, config: Config, plugins: Plugins | None, problem: str, extent: Extent, clock: OffsetClock
    ) -> None:
        self._config = config
        self._plugins = plugins
        self._problem = problem
        self._extent = extent
        self._clock = clock
        self._examiner = Examiner(extent.limit)

    def examine(self) -> list[Examined]:
        found = self._look(("configuration", self._configuration))
        plugins = self._plugins
        if plugins is not None:
            found += self._look(("versions", lambda: [examine_versions(plugins)]))
        missing = self._missing_file()
        if missing is not None:
            # Whatever was built would be made beside it, in a folder that is perhaps not meant.
            remedy = "run `bharat migrate`, which makes it; or set BHARAT_HOME, if another home is meant"
            return [*found, Examined("database", (Finding(Status.FAILED, f"there is no {missing} yet", remedy),))]
        (database,) = self._look(("database", self._database))
        found.append(database)
        if plugins is not None:
            usable = any((one.about, one.status) == ("migrations", Status.OK) for one in database.findings)
            found += self._built(plugins, usable)
        return found

    def _look(self, *parts: tuple[str, Callable[[], Iterable[Finding]]]) -> list[Examined]:
        return self._examiner.run([Examination(name, run) for name, run in parts])

    def _configuration(self) -> Iterator[Finding]:
        if self._plugins is None:
            yield Finding(Status.FAILED, self._problem, "correct it: nothing starts")
            rows = self._config.describe()
        else:
            yield Finding(Status.OK, self._plugins.label, about="mode")
            rows = self._plugins.describe_settings()
        yield from examine_config(self._config, rows, self._config.home / FILE)
        if self._plugins is not None:
            yield from unused_plugins(self._plugins)

    def _missing_file(self) -> Path | None:
        if self._config.database.dialect != "sqlite" or not self._config.database.url:
            return None
        file = Path(parse_url(self._config.database.url.reveal()).database or "")
        return None if file.exists() else file

    def _database(self) -> Iterator[Finding]:
        options = replace(engine_options(self._config), pool_size=1, pool_timeout=self._extent.limit)
        schema = schema_of(self._plugins) if self._plugins is not None else None
        engine = create_engine(options, autocommit=True)
        try:
            yield from examine_database(engine, options, schema, self._clock, self._processes())
        finally:
            engine.dispose()

    def _processes(self) -> Processes:
        extent = self._extent
        beside = 0 if self._plugins is not None and self._plugins.worker_in_process else 1
        return Processes(
            servers=extent.servers,
            processes=extent.processes,
            workers=beside if extent.workers is None else extent.workers,
            clocks=extent.clocks,
            pool=self._config.database.pool_size,
        )

    def _built(self, plugins: Plugins, usable: bool) -> list[Examined]:
        """Build what this node would build, a capability at a time, and look at each."""
        config = self._config
        if config.secret_key is None and not (config.home / FILE).exists():
            # Whoever only looks makes no key; what is derived from this one is gone with the process.
            config = msgspec.structs.replace(config, secret_key=Secret(secrets.token_urlsafe(48)))
        try:
            app = Bharat(config, plugins, self._clock, complete=False)
        except BharatError as error:
            return [Examined("startup", (Finding(Status.FAILED, str(error), "correct it: nothing starts"),))]
        try:
            found = self._look(*((capability.value, _capability(app, capability, usable)) for capability in Capability))
            return [*found, *self._whole(app, usable and all(hasattr(app, each.value) for each in Capability))]
        finally:
            self._look(("close", _closing(app)))

    def _whole(self, app: Bharat, usable: bool) -> list[Examined]:
        """What needs the whole application."""
        found = self._look(("startup", _startup(app))) if usable else []
        usable = usable and found[0].worst.status is Status.OK
        parts: list[tuple[str, Callable[[], Iterable[Finding]]]] = []
        if self._extent.running:
            parts.append(("work", lambda: examine_work(app.database, app.catalogue, self._patience())))
        parts += [(owned.item.name, _check(owned.item, app)) for owned in app.plugins.checks()]
        if not usable:
            return [*found, *(Examined(name, (_NOT_LOOKED_AT,)) for name, _ in parts)]
        return [*found, *self._look(*parts)]

    def _patience(self) -> timedelta:
        """How long a worker has to notice a job: it looks every `worker.poll` seconds when nothing wakes it."""
        second = timedelta(seconds=1)
        wanted = timedelta(seconds=self._config.worker.poll) + 3 * second
        return max(second, min(wanted, self._extent.limit - 2 * second))


def _capability(app: Bharat, capability: Capability, usable: bool) -> Callable[[], Iterator[Finding]]:
    provider = app.plugins.chosen(capability).provider

    def run() -> Iterator[Finding]:
        yield Finding(Status.OK, f"{provider.name}: {provider.summary}", about="provider")
        backend = app.provide(capability)
        if provider.name == OFF:
            return
        for finding in provider.check(backend, app) if provider.check is not None else ():
            yield finding
            if not finding.about and finding.status is not Status.OK:
                return  # it does not answer, and would not answer the probe
        if (probe := PROBES.get(capability)) is not None:
            if usable:
                yield from probe(backend)
            else:
                yield replace(_NOT_LOOKED_AT, about="use")

    return run


def _startup(app: Bharat) -> Callable[[], Iterator[Finding]]:
    def run() -> Iterator[Finding]:
        app.assemble()
        yield Finding(Status.OK, "every plugin started")

    return run


def _check(check: Check, app: Bharat) -> Callable[[], Iterator[Finding]]:
    def run() -> Iterator[Finding]:
        yield check.run(app)

    return run


def _closing(app: Bharat) -> Callable[[], Sequence[Finding]]:
    def run() -> Sequence[Finding]:
        with closing(app):
            return ()

    return run


def _without_secrets(found: Sequence[Examined], hide: Callable[[str], str]) -> list[Examined]:
    return [
        Examined(
            one.name,
            tuple(
                replace(finding, detail=hide(finding.detail), remedy=hide(finding.remedy)) for finding in one.findings
            ),
        )
        for one in found
    ]
