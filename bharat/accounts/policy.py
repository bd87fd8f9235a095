"""The policy for logins (OWASP ASVS 5.0, chapters 6 and 7), from the configuration's section `[accounts]`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from bharat import config


@dataclass(frozen=True, slots=True)
class Policy:
    """`login_attempts` failed logins of one account from one network are allowed within `login_window`, ten times as many of one
    account from everywhere, and ten times as many from one network (`bharat.accounts.budgets`)."""

    session_idle: timedelta = timedelta(hours=12)
    session_absolute: timedelta = timedelta(days=30)
    login_attempts: int = 10
    login_window: timedelta = timedelta(minutes=15)
    password_min_length: int = 12
    mail_sender: str = "no-reply@localhost"
    reset_lifetime: timedelta = timedelta(hours=1)
    invitation_lifetime: timedelta = timedelta(days=7)

    @staticmethod
    def of(settings: config.Config) -> Policy:
        section = settings.accounts
        return Policy(
            session_idle=timedelta(seconds=section.session_idle),
            session_absolute=timedelta(seconds=section.session_absolute),
            login_attempts=section.login_attempts,
            login_window=timedelta(seconds=section.login_window),
            password_min_length=section.password_min_length,
            mail_sender=section.mail_sender or f"no-reply@{urlsplit(settings.server.public_url).hostname}",
        )
