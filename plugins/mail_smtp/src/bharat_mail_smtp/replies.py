"""What a server's reply means for the mail: taken, refused for good, or to be tried again (RFC 5321, 4.2; RFC 3463)."""

from __future__ import annotations

from bharat.contracts.errors import BharatError
from bharat.contracts.mail import MailRefused, MailUnavailable

LONGEST_TEXT = 200
NOT_THE_MAIL = frozenset({521, 530, 534, 535, 538})
"""5xx that speak of the server or the login, not of this mail: no mail at all here (RFC 7504), authentication or encryption required,
credentials or their mechanism refused (RFC 4954, 6)."""
_LOGIN = tuple(f"5.7.{detail}" for detail in (8, 9, 10, 11, 12, 13, 14))
"""The same as enhanced codes, which some servers send behind a 550 or 554 (IANA, SMTP Enhanced Status Codes)."""


class ConnectionLost(MailUnavailable):
    """The server ended the connection, or does not answer on it any more."""


def mail_failure(server: str, what: str, code: int, text: bytes) -> BharatError:
    """The error for a reply to a part of a mail that is not the one hoped for. `what` is that part: `the recipient ann@example.com`."""
    if 500 <= code <= 599 and code not in NOT_THE_MAIL and _enhanced(text) not in _LOGIN:
        return MailRefused(_said(server, "refuses", what, code, text))
    return connection_failure(server, what, code, text)


def connection_failure(server: str, what: str, code: int, text: bytes) -> MailUnavailable:
    """The error for a reply to what concerns every mail: no mail is at fault, so all may be tried again."""
    if code == 421:
        return ConnectionLost(f"{server} closes the connection: 421 {readable(text)}".rstrip())
    if 400 <= code <= 499:
        return MailUnavailable(_said(server, "puts off", what, code, text))
    if code in NOT_THE_MAIL or (500 <= code <= 599 and _enhanced(text) in _LOGIN):
        return MailUnavailable(
            f"{_said(server, 'refuses', what, code, text)} "
            "(look at mail.smtp.user, mail.smtp.password and mail.smtp.tls)"
        )
    if 500 <= code <= 599:
        return MailUnavailable(_said(server, "refuses", what, code, text))
    # Nobody knows what it would say next.
    return ConnectionLost(_said(server, "speaks no SMTP to", what, code, text))


def _said(server: str, verdict: str, what: str, code: int, text: bytes) -> str:
    return f"{server} {verdict} {what}: {code} {readable(text)}".rstrip()


def readable(text: bytes) -> str:
    """A server's text as one short line that can do no harm in a log."""
    words = text[: 4 * LONGEST_TEXT].decode("utf-8", "replace").split()
    line = "".join(character for character in " ".join(words) if character.isprintable())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


def _enhanced(text: bytes) -> str:
    return text.split(maxsplit=1)[0].decode("ascii", "replace") if text.strip() else ""
