# mypy: disable-error-code="import-untyped, misc"
"""API keys as a REST framework authentication class. It also says for whom the transaction works."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication

from benchmarks.rivals import crm
from benchmarks.rivals.drf.models import Key, Team


class Identity:
    """What `request.user` is."""

    is_authenticated = True

    def __init__(self, caller: crm.Caller) -> None:
        self.caller = caller


class _Found:
    def __init__(self, key: Key) -> None:
        self.id = key.id
        self.user_id = key.user_id
        self.scopes = key.scopes
        self.role = key.user.role


class ApiKey(BaseAuthentication):
    def authenticate_header(self, request: Any) -> str:
        return "Bearer"

    def authenticate(self, request: Any) -> tuple[Identity, None]:
        org, parameters = crm.credentials(request.headers.get("Authorization"))
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('bharat.organisation', %s, true)", [str(org)])
        now = timezone.now()
        found = (
            Key.objects.select_related("user")
            .filter(
                Q(expires_at=None) | Q(expires_at__gt=now),
                token_hash=parameters["hash"],
                revoked_at=None,
                organisation_id=org,
                user__organisation_id=org,
                user__active=True,
            )
            .annotate(
                led=Subquery(Team.objects.filter(organisation_id=org, lead_id=OuterRef("user_id")).values("id")[:1])
            )
        )
        key = next(iter(found), None)
        if key is not None and (key.last_used_at is None or key.last_used_at < now - timedelta(minutes=1)):
            Key.objects.filter(id=key.id, organisation_id=org).update(last_used_at=now)
        verb = "read" if request.method == "GET" else "write"
        return Identity(crm.caller_of(org, None if key is None else _Found(key), verb)), None
