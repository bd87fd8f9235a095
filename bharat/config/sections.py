"""The sections of the configuration and their defaults. Durations are seconds, sizes bytes."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from bharat.config.fields import Row
from bharat.config.secret import Secret
from bharat.config.sources import Raw
from bharat.contracts.provider import Capability

DEFAULT_PROVIDERS: Mapping[Capability, str] = {
    Capability.STORAGE: "folder",
    Capability.SESSIONS: "database",
    Capability.LOCKS: "database",
    Capability.CACHE: "memory",
    Capability.LIMITS: "database",
    Capability.REALTIME: "off",
    Capability.JOBS: "database",
    Capability.VECTORS: "off",
    Capability.EMBEDDINGS: "ngrams",
    Capability.MAIL: "file",
}
SECRET_KEY_LENGTH = 32
DEFAULT_HOME = Path(".bharat")

Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[server]`: where Bharat listens and how browsers reach it."""

    host: Annotated[str, Meta(min_length=1, description="the address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="the TCP port to listen on; 0 takes a free one")] = 8000
    public_url: Annotated[
        str, Meta(description="scheme and host under which browsers reach Bharat", examples=["https://crm.example.com"])
    ] = ""
    max_body: Annotated[Count, Meta(description="largest JSON body, in bytes")] = 1024 * 1024
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="networks whose X-Forwarded-For and X-Request-ID are believed", examples=[["10.0.0.0/8", "::1"]]
        ),
    ] = ()
    request_timeout: Annotated[
        Seconds,
        Meta(description="seconds without an answer, or a further piece of its body, until a request gets a 503"),
    ] = 30.0

    def __post_init__(self) -> None:
        url = self.public_url.rstrip("/") or f"http://{_authority(self.host)}:{self.port}"
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or parts.username:
            raise ValueError("public_url must be like https://crm.example.com: scheme and host, without path or user")
        msgspec.structs.force_setattr(self, "public_url", url)
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f"trusted_proxies holds a wrong network, {error}; write 10.0.0.0/8 or ::1") from None

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies are `__Host-` and Secure: when browsers come by https."""
        return self.public_url.startswith("https://")


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[database]`: the primary database. `url` is the application's role, `migration_url` the owner of the tables."""

    url: Annotated[
        Secret,
        Meta(description="the application's database, sqlite:/// or postgresql://", examples=["postgresql://bharat_app:password@db.example.com/bharat"], extra={"env": ("DATABASE_URL",), "secret": True}),
    ] = Secret("")  # fmt: skip
    migration_url: Annotated[
        Secret | None,
        Meta(
            description="the same database as the role that owns its tables",
            examples=["postgresql://bharat_owner:password@db.example.com/bharat"],
            extra={"secret": True},
        ),
    ] = None
    pool_size: Annotated[Count, Meta(description="connections per process, at most")] = 5
    statement_timeout: Annotated[Seconds, Meta(description="seconds after which PostgreSQL ends a statement")] = 30.0
    prepare: Annotated[bool, Meta(description="prepared statements; false behind a transaction-pooling PgBouncer")] = (
        True
    )
    busy_timeout: Annotated[Seconds, Meta(description="seconds to wait for SQLite's write lock")] = 10.0

    def __post_init__(self) -> None:
        for name, url in (("url", self.url), ("migration_url", self.migration_url)):
            if url and dialect_of(url.reveal()) is None:
                raise ValueError(f"{name} must begin with sqlite:/// or postgresql://")
        if self.url and self.migration_url and dialect_of(self.migration_url.reveal()) != self.dialect:
            raise ValueError("migration_url must be the same database as url")

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        return dialect_of(self.url.reveal()) or "sqlite"


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[accounts]`: the policy for logins (OWASP ASVS 5.0, chapters 6 and 7)."""

    session_idle: Annotated[Count, Meta(description="seconds after which an unused session ends")] = 12 * 3600
    session_absolute: Annotated[Count, Meta(description="seconds after which every session ends")] = 30 * 86400
    login_attempts: Annotated[
        Count, Meta(description="failed logins of an account from one network within login_window")
    ] = 10
    login_window: Annotated[Count, Meta(description="seconds over which failed logins are counted")] = 15 * 60
    password_min_length: Annotated[int, Meta(ge=8, le=64, description="shortest password accepted")] = 12
    mail_sender: Annotated[
        str,
        Meta(
            description="who invitations and password mails come from; unset: no-reply@ the host of public_url",
            examples=["Example CRM <crm@example.com>"],
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.session_idle > self.session_absolute:
            raise ValueError("session_idle must not be longer than session_absolute")


class Worker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[worker]`: background work. `in_process` unset follows the mode (`Plugins.worker_in_process`)."""

    in_process: Annotated[
        bool | None, Meta(description="run a worker inside the server; unset: only on a single node", examples=[True])
    ] = None
    queues: Annotated[tuple[str, ...], Meta(description="queues to serve; empty: all", examples=[["default"]])] = ()
    concurrency: Annotated[Count, Meta(description="jobs run at a time by one worker")] = 2
    poll: Annotated[
        Seconds, Meta(description="seconds between looks at the database when nothing wakes the worker")
    ] = 2.0
    lease: Annotated[Annotated[float, Meta(ge=5)], Meta(description="seconds a job stays claimed unless renewed")] = (
        60.0
    )
    clock: Annotated[bool, Meta(description="whether this worker also starts jobs by the clock")] = True


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[files]`: files attached to records."""

    max_size: Annotated[Count, Meta(description="largest attached file, in bytes", examples=[5368709120])] = 1024**3


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[log]`."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="the least that is logged")] = (
        "info"
    )
    format: Annotated[Literal["text", "json"], Meta(description="for people or for machines")] = "text"


class Choice(msgspec.Struct, frozen=True):
    """A capability's section: the provider chosen by name, and the raw options of each provider that has a table."""

    provider: str
    source: str = "default"
    options: Mapping[str, Mapping[str, Raw]] = {}


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was configured. Options and settings of plugins stay raw until `bharat.plugins` checks them.

    `home` is absolute. `secret_key` is `None` when it is to be made (single node) or refused (cluster)."""

    mode: Annotated[Literal["single", "cluster"], Meta(description="one node, or several that share everything")] = (
        "single"
    )
    plugins: Annotated[
        tuple[str, ...], Meta(description="the enabled plugins, in the order they load", examples=[["crm"]])
    ] = ()
    home: Annotated[Path, Meta(description="the folder for this node's state", examples=["/var/lib/bharat"])] = (
        DEFAULT_HOME
    )
    secret_key: Annotated[
        Secret | None,
        Meta(
            description="the secret that every key is derived from, at least 32 characters",
            examples=["what python -c 'import secrets; print(secrets.token_urlsafe(48))' prints"],
            extra={"secret": True},
        ),
    ] = None
    previous_secrets: Annotated[
        tuple[Secret, ...],
        Meta(
            description="secrets besides secret_key that stored secrets are still read with, while they are rotated",
            examples=[["what secret_key was before, all of its characters"]],
            extra={"secret": True},
        ),
    ] = ()
    server: Server = msgspec.field(default_factory=Server)
    database: Database = msgspec.field(default_factory=Database)
    accounts: Accounts = msgspec.field(default_factory=Accounts)
    worker: Worker = msgspec.field(default_factory=Worker)
    files: Files = msgspec.field(default_factory=Files)
    log: Log = msgspec.field(default_factory=Log)
    choices: Mapping[str, Choice] = {}
    plugin_settings: Mapping[str, Mapping[str, Raw]] = {}
    environ: Mapping[str, str] = {}
    file: Path | None = None
    sources: Mapping[str, str] = {}
    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        home = Path(self.home).absolute()
        msgspec.structs.force_setattr(self, "home", home)
        # With the owner's URL alone, `bharat database role` makes the application's; nothing else may guess one.
        if not self.database.url and not self.database.migration_url:
            url = Secret(f"sqlite:///{home / 'bharat.sqlite3'}")
            msgspec.structs.force_setattr(self, "database", msgspec.structs.replace(self.database, url=url))

    def __repr__(self) -> str:
        return f"Config(file={str(self.file) if self.file else None!r}, plugins={self.plugins!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("file", self.file), ("plugins", self.plugins)]

    def choice(self, capability: Capability) -> Choice:
        """What was chosen for a capability; its default when nothing was."""
        return self.choices.get(capability.value) or Choice(DEFAULT_PROVIDERS[capability])

    def describe(self) -> tuple[Row, ...]:
        """Every key of the core with its value and source; secrets masked. Options of providers are shown as set or not:
        only their plugin knows which of them are secret (`Plugins.describe_settings`)."""
        found = list(self.rows)
        for capability in Capability:
            choice = self.choice(capability)
            found.append(Row(f"{capability}.provider", choice.provider, choice.source))
            for name, options in choice.options.items():
                found += [Row(f"{capability}.{name}.{key}", "(set)", raw.source) for key, raw in options.items()]
        for name, settings in self.plugin_settings.items():
            found += [Row(f"plugin.{name}.{key}", "(set)", raw.source) for key, raw in settings.items()]
        return tuple(found)


def dialect_of(url: str) -> Literal["sqlite", "postgresql"] | None:
    """Which database a URL speaks of; `None` when Bharat can't use it."""
    scheme = url.partition(":")[0]
    if scheme in ("sqlite", "sqlite+pysqlite"):
        return "sqlite"
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return "postgresql"
    return None


def _authority(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 — what it means to listen everywhere: reach it as this machine
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
