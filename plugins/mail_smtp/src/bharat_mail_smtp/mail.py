"""`SmtpMail`: hands each mail to a mail server."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from urllib.parse import urlsplit

from bharat.contracts.errors import ConfigError
from bharat.contracts.mail import Message
from bharat.contracts.mime import compose
from bharat.contracts.platform import Platform
from bharat_mail_smtp.options import SmtpOptions
from bharat_mail_smtp.pool import Loan, Pool
from bharat_mail_smtp.replies import ConnectionLost
from bharat_mail_smtp.session import Letter, Session


class SmtpMail:
    """See `bharat.contracts.mail.Mail`. The server may be down while this is made. Raises `ConfigError` for a `ca_file` that can't
    be used."""

    deduplicates = False

    def __init__(self, options: SmtpOptions, platform: Platform) -> None:
        self._clock = platform.clock
        self.address = options.address
        tls = context_of(options)
        name = str(options.ehlo_name or greeting_name(platform.public_url))
        self._pool = Pool(
            lambda: Session(options, tls, name),
            size=options.max_connections,
            wait=options.pool_timeout,
            idle=options.idle_timeout,
            messages=options.max_messages,
            server=options.address,
        )

    def send(self, message: Message) -> None:
        letter = Letter.of(compose(message, self._clock))
        with self._pool.loan() as loan:
            self._begin(loan, letter)
            # From here on nothing is tried twice: whatever goes wrong, the mail may be with the server.
            loan.session.transmit(letter)

    def probe(self) -> None:
        """Connect, secure and log in as a mail would, and ask whether the server is there. Raises `MailUnavailable`."""
        with self._pool.loan() as loan:
            try:
                loan.session.ping()
            except ConnectionLost:
                if not loan.reused:
                    raise
                self._pool.renew(loan)
                loan.session.ping()

    def close(self) -> None:
        self._pool.close()

    def _begin(self, loan: Loan, letter: Letter) -> None:
        """Begin the mail, once more on a new connection when the server has closed this one while it lay idle: nothing of the mail
        was with it."""
        try:
            loan.session.begin(letter)
        except ConnectionLost:
            if not loan.reused:
                raise
            self._pool.renew(loan)
            loan.session.begin(letter)


def context_of(options: SmtpOptions) -> ssl.SSLContext:
    """TLS 1.2 or newer, with the server's certificate and name verified (RFC 8314, 4.1; RFC 8996)."""
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:  # ssl.SSLError too, when the file is no PEM
        raise ConfigError(
            f"mail.smtp.ca_file can't be used: {options.ca_file}: {error.strerror or error}; name a PEM file of certificates"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def greeting_name(public_url: str) -> str:
    """The host of our own URL as EHLO wants it: a name, or an address in brackets (RFC 5321, 4.1.3)."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{host}]" if address.version == 4 else f"[IPv6:{host}]"
