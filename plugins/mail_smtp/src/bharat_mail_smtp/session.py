"""One connection to the server: opened, secured, logged in, and a mail sent over it."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage

from bharat.contracts.mail import MailRefused, MailUnavailable
from bharat.contracts.mime import address_of
from bharat_mail_smtp.lines import Lines
from bharat_mail_smtp.options import SmtpOptions
from bharat_mail_smtp.replies import ConnectionLost, connection_failure, mail_failure

_PIECE = 16 * 1024
_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail and its envelope."""

    sender: str
    recipient: str
    mail: EmailMessage

    @classmethod
    def of(cls, mail: EmailMessage) -> Letter:
        return cls(address_of(mail, "From"), address_of(mail, "To"), mail)

    @property
    def international(self) -> bool:
        """Whether only a server that knows SMTPUTF8 can take it (RFC 6531)."""
        return not (self.sender + self.recipient).isascii()


class Session:
    """Everything raised is `MailUnavailable` or `MailRefused`; `ConnectionLost` of the former when the connection is over.

    `clean` says that the server waits for the next mail."""

    def __init__(self, options: SmtpOptions, tls: ssl.SSLContext, ehlo_name: str) -> None:
        """Connect, secure and log in."""
        self._options = options
        self._tls = tls
        self._server = f"the mail server {options.address}"
        self.clean = True
        self.messages = 0
        self._smtp = _Smtp(ehlo_name, options.read_timeout)
        try:
            with self._translated("connecting"):
                self._smtp.attach(self._connected())
                self._expect(220, "to serve us", self._smtp.getreply())
                self._greet()
                if options.tls == "starttls":
                    self._start_tls()
                if options.user is not None and options.password is not None:
                    self._log_in(str(options.user), str(options.password))
        except BaseException:
            self._smtp.close()
            raise

    def begin(self, letter: Letter) -> None:
        """MAIL FROM. Nothing of the mail is with the server yet when this fails."""
        options = []
        with self._translated("beginning a mail"):
            if letter.international:
                if not self._smtp.has_extn("smtputf8"):
                    raise MailRefused(
                        f"{self._server} takes no addresses with characters beyond ASCII (SMTPUTF8): "
                        f"{letter.sender} to {letter.recipient}"
                    )
                options.append("SMTPUTF8")
            if self._smtp.has_extn("8bitmime"):
                options.append("BODY=8BITMIME")
            self.clean = False
            self._expect_for_mail(250, f"the sender {letter.sender}", self._smtp.mail(letter.sender, options))

    def transmit(self, letter: Letter) -> None:
        """The recipient and the mail itself. When it fails after the mail's end was sent, nobody knows whether it was taken."""
        with self._translated("sending the recipient"):
            code, text = self._smtp.rcpt(letter.recipient)
            if code not in (250, 251):
                raise mail_failure(self._server, f"the recipient {letter.recipient}", code, text)
            self._expect_for_mail(354, "the mail", self._smtp.docmd("DATA"))
        with self._translated("waiting until the mail was taken; it may have been"):
            self._smtp.send(_LEADING_DOT.sub(b"..", self._content(letter)) + b".\r\n")
            self._expect_for_mail(250, "the mail", self._smtp.getreply(self._options.accept_timeout))
        self.clean = True
        self.messages += 1

    def reset(self) -> None:
        """Have the server forget the mail that was begun."""
        with self._translated("taking a mail back"):
            self._expect(250, "to begin anew", self._smtp.docmd("RSET"))
        self.clean = True

    def ping(self) -> None:
        with self._translated("asking whether it is there"):
            self._expect(250, "a NOOP", self._smtp.docmd("NOOP"))

    def quit(self) -> None:
        """Take leave without waiting for the answer."""
        with suppress(OSError):
            self._smtp.send("QUIT\r\n")
        self._smtp.close()

    def drop(self) -> None:
        """Close the connection without a word: what the server would make of one isn't known."""
        self.clean = False
        self._smtp.close()

    def _connected(self) -> socket.socket:
        options = self._options
        plain = socket.create_connection((options.host, options.tcp_port), options.connect_timeout)
        return self._secured(plain) if options.tls == "implicit" else plain

    def _secured(self, plain: socket.socket) -> ssl.SSLSocket:
        try:
            plain.settimeout(self._options.connect_timeout)
            return self._tls.wrap_socket(plain, server_hostname=self._options.host)
        except BaseException:
            plain.close()
            raise

    def _greet(self) -> None:
        self._expect(250, "our greeting", self._smtp.ehlo())

    def _start_tls(self) -> None:
        if not self._smtp.has_extn("starttls"):
            raise MailUnavailable(
                f"{self._server} offers no STARTTLS, or somebody on the way hides it: nothing was sent; see mail.smtp.tls"
            )
        self._expect(220, "STARTTLS", self._smtp.docmd("STARTTLS"))
        if self._smtp.waiting:  # what is read before TLS may be anybody's, and would pass as the server's after it
            raise MailUnavailable(f"{self._server} sent more than its answer to STARTTLS: nothing was sent")
        self._smtp.attach(self._secured(self._smtp.detach()))
        self._greet()  # what it offered before may be anybody's (RFC 3207, 4.2)

    def _log_in(self, user: str, password: str) -> None:
        try:
            self._smtp.login(user, password)
        except smtplib.SMTPAuthenticationError as error:
            # Not its text: it may repeat what was sent.
            raise MailUnavailable(
                f"{self._server} refuses the login with {error.smtp_code}: correct mail.smtp.user and mail.smtp.password"
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise MailUnavailable(
                f"{self._server} takes no login here: unset mail.smtp.user, or see mail.smtp.port"
            ) from None
        except smtplib.SMTPServerDisconnected:
            raise
        except (smtplib.SMTPException, ValueError):
            raise MailUnavailable(f"{self._server} asks for a login of a kind that isn't known") from None

    def _content(self, letter: Letter) -> bytes:
        if self._smtp.has_extn("8bitmime"):
            return letter.mail.as_bytes()
        return letter.mail.as_bytes(policy=letter.mail.policy.clone(cte_type="7bit"))

    def _expect(self, code: int, what: str, reply: tuple[int, bytes]) -> None:
        if reply[0] != code:
            raise connection_failure(self._server, what, *reply)

    def _expect_for_mail(self, code: int, what: str, reply: tuple[int, bytes]) -> None:
        if reply[0] != code:
            raise mail_failure(self._server, what, *reply)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise MailUnavailable(
                f"{self._server} has a certificate that can't be trusted: {error.verify_message}; see mail.smtp.host and "
                "mail.smtp.ca_file"
            ) from error
        except ssl.SSLError as error:
            raise ConnectionLost(f"{self._server} and we agree on no TLS: {error.reason or error}") from error
        except (smtplib.SMTPException, OSError) as error:
            reason = "does not answer in time" if _timed_out(error) else f"is lost ({_reason(error)})"
            raise ConnectionLost(f"{self._server} {reason}, {doing}") from error
        except UnicodeError as error:
            raise MailUnavailable(f"{self._server} has a name or an answer that can't be read: {error}") from error


class _Smtp(smtplib.SMTP):
    """smtplib's client on a socket of our own making, with a deadline for every command and its reply."""

    def __init__(self, ehlo_name: str, seconds: float) -> None:
        super().__init__(local_hostname=ehlo_name)
        self._seconds = seconds

    def attach(self, connection: socket.socket) -> None:
        """Speak over this socket from now on, as if nothing had been said."""
        self.sock = connection
        self.file = Lines(connection)
        self.ehlo_resp = None
        self.esmtp_features = {}

    def detach(self) -> socket.socket:
        """The socket, which is the caller's now."""
        assert self.sock is not None  # attached
        connection, self.sock = self.sock, None
        return connection

    @property
    def waiting(self) -> bool:
        return isinstance(self.file, Lines) and self.file.waiting

    def getreply(self, seconds: float | None = None) -> tuple[int, bytes]:
        if isinstance(self.file, Lines):
            self.file.expect(seconds or self._seconds)
        return super().getreply()

    def send(self, s: str | bytes | bytearray | memoryview) -> None:  # type: ignore[override]
        data = s.encode(self.command_encoding) if isinstance(s, str) else bytes(s)
        until = time.monotonic() + self._seconds
        # TLS counts its time-out for each piece, a plain socket for all of what it is given.
        for start in range(0, len(data), _PIECE):
            if self.sock is not None:
                self.sock.settimeout(max(until - time.monotonic(), 0.001))
            super().send(data[start : start + _PIECE])


def _timed_out(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__
