"""Mail through an SMTP server: the provider `smtp` of the capability `mail`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bharat import hookimpl
from bharat.contracts.application import Application
from bharat.contracts.check import Check, Finding
from bharat.contracts.mail import Mail
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat_mail_smtp.options import SmtpOptions


@hookimpl
def bharat_mail() -> Sequence[Provider[Mail, Any]]:
    return [Provider("smtp", SmtpOptions, _build, shared=True, summary="Mails through an SMTP server")]


@hookimpl
def bharat_checks() -> Sequence[Check]:
    return [Check(name="mail_smtp", run=_check)]


def _build(options: SmtpOptions, platform: Platform) -> Mail:
    from bharat_mail_smtp.mail import SmtpMail

    return SmtpMail(options, platform)


def _check(app: Application) -> Finding:
    from bharat_mail_smtp.health import examine

    return examine(app.mail)
