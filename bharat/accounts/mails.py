"""The mails of this room, each a job written with its cause. The job holds an id, never a token: the link is derived when the
mail is sent, and is the same if it is sent again.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.service import accounts_of
from bharat.accounts.tables import credentials, invitations, password_resets, users
from bharat.accounts.tokens import derived_token
from bharat.contracts.application import Application
from bharat.contracts.database import Unit
from bharat.contracts.mail import MailRefused, MailUnavailable, Message
from bharat.contracts.work import GiveUp, JobContext, JobSpec, Retry
from bharat.data.organisations import organisations
from bharat.work import enqueue

INVITATION, RESET = "invitation", "password-reset"
_PAGES = {INVITATION: "accept-invitation", RESET: "reset-password"}


def send_invitation(unit: Unit, invitation_id: UUID) -> None:
    """Have the invitation mailed once the unit has committed."""
    enqueue(unit, MAIL, {"mail": INVITATION, "id": str(invitation_id)})


def send_reset(unit: Unit, reset_id: UUID) -> None:
    """Have the link to choose a new password mailed once the unit has committed."""
    enqueue(unit, MAIL, {"mail": RESET, "id": str(reset_id)})


def _send(job: JobContext) -> None:
    kind, id, organisation_id = str(job.payload["mail"]), UUID(str(job.payload["id"])), job.organisation_id
    if organisation_id is None or kind not in _PAGES:
        raise GiveUp(f"this job names no mail that accounts send: {kind!r}")
    compose = _invitation if kind == INVITATION else _reset
    message = compose(job.app, organisation_id, id)
    if message is None:
        return  # used, withdrawn or expired since: nobody wants it any more
    try:
        job.app.mail.send(message)
    except MailRefused as error:
        raise GiveUp(f"the mail was refused: {error}") from error
    except MailUnavailable as error:
        raise Retry(f"the mail server does not take it now: {error}") from error


MAIL = JobSpec(
    kind="accounts.mail", run=_send, queue="default", priority=50, summary="Mail an invitation or a reset link"
)


def _invitation(app: Application, organisation_id: UUID, id: UUID) -> Message | None:
    inviter = users.alias("inviter")
    statement = (
        sa.select(
            invitations.c.email, invitations.c.expires_at, organisations.c.name.label("organisation"), inviter.c.name
        )
        .select_from(
            invitations.join(organisations, organisations.c.id == invitations.c.organisation_id).outerjoin(
                inviter, inviter.c.id == invitations.c.created_by
            )
        )
        .where(
            invitations.c.id == id,
            invitations.c.accepted_at.is_(None),
            invitations.c.revoked_at.is_(None),
            invitations.c.expires_at > app.database.now(),
        )
    )
    row = app.database.read(organisation_id).row(statement)
    if row is None:
        return None
    text = (
        f"{row.name or 'An administrator'} invites you to work with {row.organisation} in Bharat.\n\n"
        f"Choose a password here:\n\n{_link(app, INVITATION, organisation_id, id)}\n\n"
        f"The link works once, until {_until(row)}. If you did not expect this, ignore it.\n"
    )
    return _message(app, INVITATION, id, row.email, f"Invitation to {row.organisation}", text)


def _reset(app: Application, organisation_id: UUID, id: UUID) -> Message | None:
    statement = (
        sa.select(credentials.c.email, password_resets.c.expires_at)
        .select_from(password_resets.join(credentials, credentials.c.user_id == password_resets.c.user_id))
        .where(
            password_resets.c.id == id,
            password_resets.c.used_at.is_(None),
            password_resets.c.expires_at > app.database.now(),
        )
    )
    row = app.database.read(organisation_id).row(statement)
    if row is None:
        return None
    text = (
        "Somebody, you we hope, asked for a new password for this address.\n\n"
        f"Choose it here:\n\n{_link(app, RESET, organisation_id, id)}\n\n"
        f"The link works once, until {_until(row)}. If it was not you, ignore this: your password stays as it is.\n"
    )
    return _message(app, RESET, id, row.email, "Choose a new password", text)


def _link(app: Application, kind: str, organisation_id: UUID, id: UUID) -> str:
    # After the #, so that no log of a server or proxy and no Referer header holds it.
    return f"{app.public_url}/{_PAGES[kind]}#token={derived_token(app, kind, organisation_id, id)}"


def _until(row: Any) -> str:
    return f"{row.expires_at:%d %B %Y, %H:%M} UTC"


def _message(app: Application, kind: str, id: UUID, recipient: str, subject: str, text: str) -> Message:
    host = urlsplit(app.public_url).hostname or "localhost"
    # Not the id itself: it goes into a mailbox, and means nothing there.
    name = hashlib.sha256(f"{kind}:{id}".encode()).hexdigest()[:32]
    return Message(
        message_id=f"{name}@{host.replace(':', '-')}",
        sender=accounts_of(app).policy.mail_sender,
        recipient=recipient,
        subject=" ".join(subject.split()),
        text=text,
    )
