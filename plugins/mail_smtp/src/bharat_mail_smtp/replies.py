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


def failure(server: str, what: str, code: int, text: bytes) -> BharatError:
    """The error for a reply that is not the one hoped for. `what` is what was asked: `the recipient`."""
    said = f"{server} {{}} {what}: {code} {readable(text)}".rstrip()
    if code == 421:
        return ConnectionLost(f"{server} closes the connection: 421 {readable(text)}".rstrip())
    if 400 <= code <= 499:
        return MailUnavailable(said.format("puts off"))
    if 500 <= code <= 599:
        if code in NOT_THE_MAIL or _enhanced(text) in _LOGIN:
            return MailUnavailable(
                f"{said.format('refuses')} (look at mail.smtp.user, mail.smtp.password and mail.smtp.tls)"
            )
        return MailRefused(said.format("refuses"))
    return MailUnavailable(f"{server} answers {what} with what is no SMTP: {code} {readable(text)}".rstrip())


def readable(text: bytes) -> str:
    """A server's text as one short line that can do no harm in a log."""
    words = text[: 4 * LONGEST_TEXT].decode("utf-8", "replace").split()
    line = "".join(character for character in " ".join(words) if character.isprintable())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


def _enhanced(text: bytes) -> str:
    return text.split(maxsplit=1)[0].decode("ascii", "replace") if text.strip() else ""
