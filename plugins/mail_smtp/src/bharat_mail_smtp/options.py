"""The options of the mail provider `smtp`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bharat.contracts.phrasing import END, TOLD

Seconds = Annotated[float, Meta(gt=0)]
NotEmpty = Annotated[str, Meta(min_length=1)]
AbsolutePath = Annotated[str, Meta(pattern="^/", extra={TOLD: "must be an absolute path"})]
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HostName = Annotated[
    str,
    Meta(
        pattern=rf"^(({_LABEL}\.)*{_LABEL}|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*){END}",
        max_length=253,
        extra={TOLD: "must be the name or address of a host, without scheme or port, like smtp.example.com"},
    ),
]
_PORTS = {"starttls": 587, "implicit": 465, "none": 25}


class SmtpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of `[mail.smtp]`. Raises `ValueError` for keys that contradict each other; as the section is read, so that they stop
    the start."""

    host: Annotated[
        HostName,
        Meta(
            description="the mail server's name, as its certificate says it",
            examples=["smtp.example.com"],
            extra={"env": ("SMTP_HOST",)},
        ),
    ]
    port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)] | None,
        Meta(
            description="the server's TCP port; unset: 587 for starttls, 465 for implicit, 25 for none",
            examples=[587],
            extra={"env": ("SMTP_PORT",)},
        ),
    ] = None
    tls: Annotated[
        Literal["starttls", "implicit", "none"],
        Meta(
            description="starttls begins plain and goes on only under TLS, implicit is TLS from the first byte, none sends every "
            "mail readable to whoever is on the way",
        ),
    ] = "starttls"
    ca_file: Annotated[
        AbsolutePath | None,
        Meta(
            description="absolute path of a PEM file with the authorities to trust instead of the system's",
            examples=["/etc/ssl/certs/ca-certificates.crt"],
        ),
    ] = None
    user: Annotated[
        NotEmpty | None,
        Meta(
            description="who to log in as; unset: no login",
            examples=["bharat@example.com"],
            extra={"env": ("SMTP_USER",)},
        ),
    ] = None
    password: Annotated[
        NotEmpty | None,
        Meta(
            description="the password of user",
            examples=["the password of this user"],
            extra={"env": ("SMTP_PASSWORD",), "secret": True},
        ),
    ] = None
    ehlo_name: Annotated[
        HostName | None,
        Meta(
            description="the name that we greet the server with; unset: the host of public_url",
            examples=["crm.example.com"],
        ),
    ] = None
    connect_timeout: Annotated[Seconds, Meta(description="seconds to wait for a connection, and again for its TLS")] = (
        10.0
    )
    read_timeout: Annotated[Seconds, Meta(description="seconds to wait for an answer, and to send a mail's text")] = (
        30.0
    )
    accept_timeout: Annotated[
        Seconds,
        Meta(
            description="seconds to wait until the server has taken a mail that was sent whole; giving up too soon sends it again"
        ),
    ] = 120.0
    max_connections: Annotated[int, Meta(ge=1, le=100, description="connections per process, at most")] = 4
    pool_timeout: Annotated[Seconds, Meta(description="seconds to wait for a free connection")] = 30.0
    idle_timeout: Annotated[
        float, Meta(ge=0, description="seconds for which an unused connection is kept for the next mail; 0 keeps none")
    ] = 30.0
    max_messages: Annotated[int, Meta(ge=1, description="mails over one connection, at most")] = 100

    def __post_init__(self) -> None:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: set both or neither")
        for name, value in (("user", self.user), ("password", self.password)):
            if value is not None and not (value.isascii() and value.isprintable()):
                raise ValueError(f"{name} must be made of printable ASCII characters")
        if self.tls == "none" and self.user is not None and not is_loopback(self.host):
            raise ValueError('tls = "none" would send user and password readable: set tls to "starttls" or "implicit"')
        if self.tls == "starttls" and self.port == 465:
            raise ValueError('port 465 is TLS from the first byte (RFC 8314, 3.3): set tls = "implicit"')

    @property
    def tcp_port(self) -> int:
        return self.port or _PORTS[self.tls]

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.tcp_port}"


def is_loopback(host: str) -> bool:
    """Whether what is sent to this host stays in this machine (RFC 6761, 6.3)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
