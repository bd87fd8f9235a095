"""Mail through an SMTP server: the provider `smtp` of the capability `mail`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bharat import hookimpl
from bharat.contracts.check import Finding
from bharat.contracts.mail import Mail
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat_mail_smtp.options import SmtpOptions

if TYPE_CHECKING:
    from bharat_mail_smtp.mail import SmtpMail


@hookimpl
def bharat_mail() -> Sequence[Provider[Mail, Any]]:
    return [Provider("smtp", SmtpOptions, _build, shared=True, summary="Mails through an SMTP server", check=_check)]


def _build(options: SmtpOptions, platform: Platform) -> Mail:
    from bharat_mail_smtp.mail import SmtpMail

    return SmtpMail(options, platform)


def _check(mail: SmtpMail, platform: Platform) -> Iterable[Finding]:
    from bharat_mail_smtp.health import examine

    return examine(mail, platform)
