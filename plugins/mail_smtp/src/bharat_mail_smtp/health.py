"""The health check: does the server let us in?"""

from __future__ import annotations

from bharat.contracts.check import Finding, Status
from bharat.contracts.mail import Mail, MailUnavailable
from bharat_mail_smtp.mail import SmtpMail


def examine(mail: Mail) -> Finding:
    """What is to be said of the application's mail."""
    if not isinstance(mail, SmtpMail):
        return Finding(
            Status.DEGRADED,
            "the plugin mail_smtp is enabled, and mails go elsewhere",
            'set mail.provider = "smtp", or disable the plugin',
        )
    try:
        mail.probe()
    except MailUnavailable as error:
        # Not a failure: mails wait as jobs meanwhile, and a node that can't send them answers as well as any. Monitors that see
        # this are strangers, so it says no address.
        detail = str(error).replace(f" {mail.address}", "")
        return Finding(
            Status.DEGRADED, detail, "see that the mail server runs and that the keys of [mail.smtp] are right"
        )
    return Finding(Status.OK, "the mail server answers")
