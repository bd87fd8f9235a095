"""The provider's check: does the server let us in?"""

from __future__ import annotations

from collections.abc import Iterator

from bharat.contracts.check import Finding, Status
from bharat.contracts.mail import MailUnavailable
from bharat.contracts.platform import Platform
from bharat_mail_smtp.mail import SmtpMail


def examine(mail: SmtpMail, platform: Platform) -> Iterator[Finding]:
    """Connects, logs in and says good-bye."""
    try:
        mail.probe()
    except MailUnavailable as error:
        # Not a failure: mails wait as jobs meanwhile, and a node that can't send them answers as well as any.
        remedy = "see that the mail server runs and that the keys of [mail.smtp] are right"
        yield Finding(Status.DEGRADED, str(error), remedy)
    else:
        yield Finding(Status.OK, "the mail server answers")
