"""Where the server is and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss", "unix": "unix"}
_QUERY = frozenset(
    {"db", "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}
)
"""What a URL may say after `?`. The driver would take anything there, and let it win over our time-outs."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Durations are seconds. Raises `ValueError` for a URL that can't be used; the message does not repeat it.

    `pool_size` connections are kept for each of the two clients and never more opened; a command waits at most
    `pool_timeout` for a free one. `longest_block` is how long a command of the `blocking` client may wait on the server.
    """

    url: str = field(repr=False)
    prefix: str = "bharat:"
    connect_timeout: float = 1.0
    read_timeout: float = 2.0
    pool_size: int = 20
    pool_timeout: float = 2.0
    longest_block: float = 30.0
    client_name: str = "bharat"

    def __post_init__(self) -> None:
        fault = _fault(self.url)
        if fault is not None:
            raise ValueError(fault)
        for name in ("connect_timeout", "read_timeout", "pool_timeout", "longest_block"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"{name} must be more than 0 seconds: without a deadline a lost server blocks for ever"
                )
        if self.pool_size < 1:
            raise ValueError("pool_size must be at least 1")

    @property
    def driver_url(self) -> str:
        """The URL as the driver wants it; it knows only the schemes of Redis."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(scheme=_SCHEMES[parts.scheme]))

    @property
    def address(self) -> str:
        """Host and port, or the socket's path: for messages."""
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            return unquote(parts.path)
        host = unquote(parts.hostname or "localhost")
        return f"{f'[{host}]' if ':' in host else host}:{parts.port or 6379}"


def _fault(url: str) -> str | None:
    shape = "write redis://[user:password@]host:6379/0, or rediss:// for TLS, or unix:///path/to/socket"
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        known = parts.scheme in _SCHEMES and (parts.port is None or parts.port > 0)
    except ValueError:
        return f"the Redis URL is not a URL, perhaps for a character that needs percent-encoding: {shape}"
    if not known:
        return f"the Redis URL has a wrong scheme: {shape}"
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            return f"the Redis URL names no socket: {shape}"
    elif not parts.hostname:
        return f"the Redis URL names no host: {shape}"
    elif (database := parts.path.strip("/")) and not database.isdecimal():
        return f"the Redis URL's path must be the number of a database: {shape}"
    unknown = sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} - _QUERY)
    if unknown:
        return f"the Redis URL sets {', '.join(unknown)} after `?`; it may only set {', '.join(sorted(_QUERY))}"
    return None
