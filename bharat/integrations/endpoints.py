"""Endpoints of webhooks: an address that nobody guesses, and the secrets that sign what comes to it."""

from __future__ import annotations

import base64
import re
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.tokens import organisation_of
from bharat.accounts.trail import author_of, note
from bharat.contracts.database import Database, Reader, Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid, NotFound
from bharat.data import new_id
from bharat.data.row_locks import locked
from bharat.integrations import standard
from bharat.integrations.declared import Declared
from bharat.integrations.stored import drop_secrets, opened, secret_row
from bharat.integrations.tables import WEBHOOK, integration_secrets, webhook_endpoints
from bharat.integrations.vault import Vault

PREFIX = "wh_"
LABEL = "webhook"
MOST_SECRETS = 5
"""How many may be valid at once: each costs a digest of what comes."""
_NOBODY = UUID(int=0)
_DICTATED = re.compile(r"[ -~]{16,512}")
_secrets = integration_secrets.c

_LIVE = sa.select(webhook_endpoints).where(
    webhook_endpoints.c.integration == sa.bindparam("of", type_=sa.String), webhook_endpoints.c.ended_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A live endpoint and what it is signed with. `signed_by` are the rows of its valid secrets."""

    id: UUID
    organisation_id: UUID
    integration: str
    token: str
    created_at: datetime
    signed_by: Sequence[Any]


class Finder:
    """Looks endpoints up. Made ready once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        asked = sa.bindparam("asked", type_=sa.String)
        self._by_token = database.prepare(_select(database).where(webhook_endpoints.c.token == asked))
        self._by_integration = database.prepare(_select(database).where(webhook_endpoints.c.integration == asked))

    def addressed(self, token: str) -> Endpoint | None:
        """The endpoint of an address. What is no address at all costs the same look into the database."""
        organisation_id = organisation_of(token, PREFIX)
        asked = token if organisation_id is not None else ""
        return _endpoint(self._database.read(organisation_id or _NOBODY).rows(self._by_token, {"asked": asked}))

    def of(self, reader: Reader, declared: Declared) -> Endpoint:
        """The endpoint of an integration. Raises `NotFound`."""
        found = _endpoint(reader.rows(self._by_integration, {"asked": declared.name}))
        if found is None:
            raise NotFound(f"The integration {declared.name} has no webhook open.")
        return found


def open_or_rotate(
    unit: Unit, vault: Vault, declared: Declared, secret: str | None, overlap: timedelta
) -> tuple[UUID, str]:
    """Open an endpoint, or give the one there is another secret: the endpoint's id and the secret. Earlier secrets stay valid for
    `overlap` at most. `secret` is what the sender dictates, else one is made.

    Raises `Invalid` for a secret that can't be one, and `Conflict` when too many are valid."""
    if secret is not None:
        _check_dictated(declared, secret)
    author = author_of(unit)
    row = unit.row(locked(_LIVE, "change"), {"of": declared.name})
    id = _open(unit, declared, author) if row is None else cast(UUID, row.id)
    valid = sa.and_(_of(declared), sa.or_(_secrets.expires_at.is_(None), _secrets.expires_at > unit.at))
    if overlap <= timedelta(0):
        drop_secrets(unit, declared.name, WEBHOOK)
    elif len(unit.rows(sa.select(_secrets.id).where(valid))) >= MOST_SECRETS:
        raise Conflict(
            f"{MOST_SECRETS} secrets are valid already: wait for one to expire, or end them all at once with previous_valid_for 0."
        )
    else:
        # None is given more time than it had.
        until = unit.at + overlap
        longer = sa.or_(_secrets.expires_at.is_(None), _secrets.expires_at > until)
        unit.execute(integration_secrets.update().where(_of(declared), longer).values(expires_at=until))
    text = secret if secret is not None else standard.new_secret()
    unit.execute(
        integration_secrets.insert(), secret_row(unit, vault, (declared.name, WEBHOOK, new_id().hex), text, author)
    )
    note(unit, "opened" if row is None else "rotated", LABEL, id, {"integration.name": (declared.name, declared.name)})
    return id, text


def close(unit: Unit, declared: Declared) -> None:
    """End an integration's endpoint at once, with its secrets. What it accepted is still handled. Raises `NotFound`."""
    row = unit.row(locked(_LIVE, "change"), {"of": declared.name})
    if row is None:
        raise NotFound(f"The integration {declared.name} has no webhook open.")
    unit.execute(webhook_endpoints.update().where(webhook_endpoints.c.id == row.id).values(ended_at=unit.at))
    drop_secrets(unit, declared.name, WEBHOOK)
    note(unit, "closed", LABEL, row.id, {"integration.name": (declared.name, None)})


def texts(vault: Vault, endpoint: Endpoint) -> list[str]:
    """The secrets that may sign. Raises `SecretUnreadable`."""
    return [opened(vault, row) for row in endpoint.signed_by]


def _select(database: Database) -> sa.Select[Any]:
    """Live endpoints, once for each of their valid secrets."""
    c = webhook_endpoints.c
    return (
        sa.select(
            c.id.label("endpoint_id"), c.token, c.created_at, c.integration.label("name"),
            c.organisation_id.label("owner"), *_secrets,
        )
        .select_from(
            webhook_endpoints.outerjoin(
                integration_secrets,
                sa.and_(
                    _secrets.organisation_id == c.organisation_id,
                    _secrets.integration == c.integration,
                    _secrets.kind == WEBHOOK,
                    sa.or_(_secrets.expires_at.is_(None), _secrets.expires_at > database.now()),
                ),
            )
        )
        .where(c.ended_at.is_(None))
        .order_by(_secrets.id)
    )  # fmt: skip


def _endpoint(rows: Sequence[Any]) -> Endpoint | None:
    if not rows:
        return None
    first = rows[0]
    signed_by = [row for row in rows if row.field is not None]
    return Endpoint(first.endpoint_id, first.owner, first.name, first.token, first.created_at, signed_by)


def _open(unit: Unit, declared: Declared, author: UUID | None) -> UUID:
    organisation_id = cast(UUID, unit.organisation_id)
    token = PREFIX + base64.urlsafe_b64encode(organisation_id.bytes + random.token_bytes(32)).decode("ascii")
    id = new_id()
    row = {"id": id, "integration": declared.name, "token": token, "created_at": unit.at, "created_by": author}
    try:
        unit.execute(webhook_endpoints.insert(), row)
    except sa.exc.IntegrityError:
        raise Conflict("Another call opened this webhook at the same time; read it again.") from None
    return id


def _of(declared: Declared) -> sa.ColumnElement[bool]:
    return sa.and_(_secrets.integration == declared.name, _secrets.kind == WEBHOOK)


def _check_dictated(declared: Declared, secret: str) -> None:
    """What signs must not be guessed: the length that the scheme asks for, else 16 characters (RFC 2104, 3, asks for more)."""
    webhook = declared.item.webhook
    if webhook is not None and webhook.verify is None:
        wrong = standard.key_of(secret) is None
        detail = f"must be {standard.PREFIX} and {standard.FEWEST} to {standard.MOST} bytes in base64"
    else:
        wrong, detail = not _DICTATED.fullmatch(secret), "must be 16 to 512 printable ASCII characters"
    if wrong:
        raise Invalid("This can't be the secret of the webhook.", faults=[FieldFault("/secret", detail)])
